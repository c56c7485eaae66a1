/// The REST interface in OpenAPI 3.1. Its parts stand in the extensions, one noun each, as the routes do.
enum OpenAPIDocument {
    static let text =
        head + messagePaths + conversationPaths + groupPaths + userPaths + devicePaths + streamPaths
        + components + schemas + groupSchemas + userSchemas

    private static let head = #"""
        openapi: 3.1.0
        info:
          title: Martlet
          version: "1"
          license: {name: Apache-2.0, identifier: Apache-2.0}
          description: >-
            Messaging over REST: the same rules and refusals as over the WebSocket (GET /v1/asyncapi.yaml).
            Times are milliseconds since 1970 UTC. Every refusal has the body of components/schemas/Error. A backend, whose token has the scope
            `server`, names the user it acts for with `sender_id`, in the body or in the address.
        servers:
          - {url: /}
        security:
          - token: []
        paths:

        """#
}
