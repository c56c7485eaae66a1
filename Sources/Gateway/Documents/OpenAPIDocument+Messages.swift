extension OpenAPIDocument {
    static let messagePaths = #"""
          /v1/messages:
            post:
              operationId: sendMessage
              summary: Send a message. It is on the disks of a majority once this answers.
              requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Send'}}}}
              responses:
                '201': {description: Stored, content: {application/json: {schema: {$ref: '#/components/schemas/Sent'}}}}
                '200': {description: It was there already, content: {application/json: {schema: {$ref: '#/components/schemas/Sent'}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/messages/{id}:
            parameters: [{$ref: '#/components/parameters/MessageID'}]
            patch:
              operationId: editMessage
              summary: Change the text of an own message, within 15 minutes.
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [content], properties: {content: {type: string, minLength: 1, maxLength: 65536}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses: &update
                '200': {description: Done, content: {application/json: {schema: {$ref: '#/components/schemas/Update'}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: deleteMessage
              summary: Delete for oneself, or for everyone within 60 hours (admins of a group at any time).
              parameters:
                - {name: for, in: query, schema: {type: string, enum: [everyone, me], default: me}}
                - {$ref: '#/components/parameters/ActingFor'}
              responses: *update
          /v1/messages/{id}/reaction:
            parameters: [{$ref: '#/components/parameters/MessageID'}]
            put:
              operationId: react
              summary: React, in the place of an earlier reaction.
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [emoji], properties: {emoji: {type: string, minLength: 1}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses: *update
            delete:
              operationId: unreact
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: *update
          /v1/messages/{id}/status:
            parameters: [{$ref: '#/components/parameters/MessageID'}]
            post:
              operationId: acknowledgeMessage
              summary: Everything up to this message is delivered or read. Forward only; repeating changes nothing.
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [status], properties: {status: {type: string, enum: [delivered, read]}, timestamp: {$ref: '#/components/schemas/Time'}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses:
                '200': {description: Done, content: {application/json: {schema: {type: object, required: [message_id, status], properties: {message_id: {$ref: '#/components/schemas/ID'}, status: {type: string, enum: [delivered, read]}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/messages/{id}/info:
            parameters: [{$ref: '#/components/parameters/MessageID'}]
            get:
              operationId: messageInfo
              summary: Who has a message, and since when; for its sender and the group's members.
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: By member, content: {application/json: {schema: {$ref: '#/components/schemas/Info'}}}}
                default: {$ref: '#/components/responses/Refusal'}

        """#

    static let conversationPaths = #"""
          /v1/conversations:
            get:
              operationId: listConversations
              summary: Pinned first, then newest activity first.
              parameters: [{$ref: '#/components/parameters/Cursor'}, {$ref: '#/components/parameters/Limit'}, {$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: A page, content: {application/json: {schema: {type: object, required: [conversations, next_cursor, has_more], properties: {conversations: {type: array, items: {$ref: '#/components/schemas/Conversation'}}, next_cursor: {$ref: '#/components/schemas/NextCursor'}, has_more: {type: boolean}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/conversations/{id}:
            parameters: [{$ref: '#/components/parameters/ConversationID'}]
            get:
              operationId: getConversation
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: &conversation
                '200': {description: One row of the list, content: {application/json: {schema: {$ref: '#/components/schemas/Conversation'}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: deleteConversation
              summary: Takes a conversation out of the own list, with its messages, on all own devices; others keep theirs.
              parameters:
                - {$ref: '#/components/parameters/ActingFor'}
                - {name: up_to_seq, in: query, description: The last message to go; all without it., schema: {type: integer, minimum: 1}}
              responses:
                '200': {description: It is gone, content: {application/json: {schema: {type: object, required: [conversation_id, deleted], properties: {conversation_id: {$ref: '#/components/schemas/ID'}, deleted: {const: true}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/conversations/{id}/settings:
            parameters: [{$ref: '#/components/parameters/ConversationID'}]
            patch:
              operationId: setConversation
              summary: What the user sets for a conversation; disappearing_ms is for all its members.
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {muted_until: {type: [integer, 'null'], minimum: 0}, pinned: {type: boolean}, archived: {type: boolean}, marked_unread: {type: boolean}, disappearing_ms: {type: [integer, 'null'], minimum: 0}}}}}}
              responses: *conversation
          /v1/conversations/{id}/messages:
            parameters: [{$ref: '#/components/parameters/ConversationID'}]
            get:
              operationId: listMessages
              parameters:
                - {$ref: '#/components/parameters/Cursor'}
                - {$ref: '#/components/parameters/Limit'}
                - {$ref: '#/components/parameters/ActingFor'}
                - {name: order, in: query, schema: {type: string, enum: [asc, desc], default: desc}}
                - {name: around, in: query, description: A seq or a message id; the page is around it., schema: {type: string}}
                - {name: proof, in: query, description: Each message's place in the hash chain., schema: {type: string, enum: ['0', '1', 'true', 'false']}}
                - {name: stale_ok, in: query, description: Any replica may answer., schema: {type: string, enum: ['0', '1', 'true', 'false']}}
                - {name: min_seq, in: query, description: With stale_ok; the replica must have come this far., schema: {type: integer, minimum: 0}}
              responses:
                '200': {description: A page, content: {application/json: {schema: {type: object, required: [messages, next_cursor, has_more, newest_seq], properties: {messages: {type: array, items: {$ref: '#/components/schemas/Message'}}, next_cursor: {$ref: '#/components/schemas/NextCursor'}, has_more: {type: boolean}, newest_seq: {$ref: '#/components/schemas/Seq'}, gone_up_to_seq: {$ref: '#/components/schemas/Seq'}}}}}}
                default: {$ref: '#/components/responses/Refusal'}

        """#

    static let streamPaths = #"""
          /v1/events:
            get:
              operationId: events
              summary: Server-sent events; the frames of the WebSocket, one a data line; cursors as id.
              parameters:
                - {$ref: '#/components/parameters/Device'}
                - {$ref: '#/components/parameters/SyncCursor'}
                - {name: Last-Event-ID, in: header, schema: {type: string}}
              responses:
                '200': {description: An endless stream, content: {text/event-stream: {schema: {type: string}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/poll:
            get:
              operationId: poll
              summary: What was missed at once, or what comes within wait_ms.
              parameters:
                - {$ref: '#/components/parameters/Device'}
                - {$ref: '#/components/parameters/SyncCursor'}
                - {name: wait_ms, in: query, schema: {type: integer, minimum: 0, maximum: 55000, default: 25000}}
              responses:
                '200': {description: Events in order, content: {application/json: {schema: {type: object, required: [events, cursor], properties: {events: {type: array, items: {type: object, required: [type]}}, cursor: {type: string}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/openapi.yaml:
            get:
              operationId: openapi
              security: []
              responses: &document
                '200': {description: A document, content: {application/yaml: {schema: {type: [object, string]}}}}
          /v1/asyncapi.yaml:
            get: {operationId: asyncapi, security: [], responses: *document}

        """#
}
