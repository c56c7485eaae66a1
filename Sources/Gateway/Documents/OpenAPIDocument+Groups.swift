extension OpenAPIDocument {
    static let groupPaths = #"""
          /v1/groups:
            post:
              operationId: createGroup
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string, minLength: 1}, description: {type: string}, member_ids: {type: array, items: {$ref: '#/components/schemas/UserID'}}, settings: {$ref: '#/components/schemas/GroupSettings'}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses:
                '201': {description: Created, content: {application/json: {schema: {$ref: '#/components/schemas/GroupResult'}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/groups/{id}:
            parameters: [{$ref: '#/components/parameters/GroupID'}]
            get:
              operationId: getGroup
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: The group, content: {application/json: {schema: {$ref: '#/components/schemas/Group'}}}}
                default: {$ref: '#/components/responses/Refusal'}
            patch:
              operationId: editGroup
              requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {name: {type: string, minLength: 1}, description: {type: string}, settings: {$ref: '#/components/schemas/GroupSettings'}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses: &changed
                '200': {description: Done, content: {application/json: {schema: {$ref: '#/components/schemas/GroupResult'}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: deleteGroup
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: *changed
          /v1/groups/{id}/members:
            parameters: [{$ref: '#/components/parameters/GroupID'}]
            get:
              operationId: listMembers
              parameters: [{$ref: '#/components/parameters/Cursor'}, {$ref: '#/components/parameters/Limit'}, {$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: A page, content: {application/json: {schema: {type: object, required: [members, next_cursor, has_more], properties: {members: {type: array, items: {type: object, required: [user_id, role], properties: {user_id: {$ref: '#/components/schemas/UserID'}, role: {$ref: '#/components/schemas/Role'}, joined_seq: {$ref: '#/components/schemas/Seq'}}}}, next_cursor: {$ref: '#/components/schemas/NextCursor'}, has_more: {type: boolean}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
            post:
              operationId: addMembers
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [user_ids], properties: {user_ids: {type: array, items: {$ref: '#/components/schemas/UserID'}}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses: *changed
          /v1/groups/{id}/members/{user}:
            parameters: [{$ref: '#/components/parameters/GroupID'}, {$ref: '#/components/parameters/MemberID'}]
            delete:
              operationId: removeMember
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: *changed
          /v1/groups/{id}/members/{user}/role:
            parameters: [{$ref: '#/components/parameters/GroupID'}, {$ref: '#/components/parameters/MemberID'}]
            put:
              operationId: setRole
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [role], properties: {role: {type: string, enum: [owner, admin, member]}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses: *changed
          /v1/groups/{id}/leave:
            parameters: [{$ref: '#/components/parameters/GroupID'}]
            post:
              operationId: leaveGroup
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: *changed
          /v1/groups/{id}/invites:
            parameters: [{$ref: '#/components/parameters/GroupID'}]
            get:
              operationId: listInvites
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: All that are valid, content: {application/json: {schema: {type: object, required: [invites], properties: {invites: {type: array, items: {$ref: '#/components/schemas/Invite'}}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
            post:
              operationId: createInvite
              requestBody: {required: false, content: {application/json: {schema: {type: object, properties: {expires_in_ms: {type: integer, minimum: 1000, maximum: 1099511627776}, uses_max: {type: integer, minimum: 1, maximum: 1000000}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses:
                '201': {description: Created, content: {application/json: {schema: {$ref: '#/components/schemas/Invite'}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: revokeInvites
              parameters: [{name: code, in: query, description: One of them; all without it., schema: {type: string}}, {$ref: '#/components/parameters/ActingFor'}]
              responses: *changed
          /v1/groups/{id}/requests:
            parameters: [{$ref: '#/components/parameters/GroupID'}]
            get:
              operationId: listJoinRequests
              parameters: [{$ref: '#/components/parameters/Cursor'}, {$ref: '#/components/parameters/Limit'}, {$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: A page, content: {application/json: {schema: {type: object, required: [requests, next_cursor, has_more], properties: {requests: {type: array, items: {type: object, required: [user_id, requested_at], properties: {user_id: {$ref: '#/components/schemas/UserID'}, requested_at: {$ref: '#/components/schemas/Time'}}}}, next_cursor: {$ref: '#/components/schemas/NextCursor'}, has_more: {type: boolean}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/groups/{id}/requests/{user}/approve:
            parameters: [{$ref: '#/components/parameters/GroupID'}, {$ref: '#/components/parameters/MemberID'}]
            post: {operationId: approveJoin, parameters: [{$ref: '#/components/parameters/ActingFor'}], responses: *changed}
          /v1/groups/{id}/requests/{user}/reject:
            parameters: [{$ref: '#/components/parameters/GroupID'}, {$ref: '#/components/parameters/MemberID'}]
            post: {operationId: rejectJoin, parameters: [{$ref: '#/components/parameters/ActingFor'}], responses: *changed}
          /v1/invites/{code}/join:
            parameters: [{name: code, in: path, required: true, schema: {type: string}}]
            post:
              operationId: joinByInvite
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': &joined {description: Joined, content: {application/json: {schema: {type: object, required: [group_id, conversation_id, status], properties: {group_id: {$ref: '#/components/schemas/ID'}, conversation_id: {$ref: '#/components/schemas/ID'}, name: {type: string}, seq: {$ref: '#/components/schemas/Seq'}, status: {type: string, enum: [joined, pending]}}}}}}
                '202': *joined
                default: {$ref: '#/components/responses/Refusal'}

        """#

    static let groupSchemas = #"""
            Role: {type: string, enum: [owner, admin, member]}
            GroupSettings:
              type: object
              properties:
                send: {$ref: '#/components/schemas/GroupAudience'}
                edit_info: {$ref: '#/components/schemas/GroupAudience'}
                add_members: {$ref: '#/components/schemas/GroupAudience'}
                approve_joins: {type: boolean}
                history: {type: string, enum: [none, last, all]}
                history_last: {type: integer, minimum: 1, maximum: 1000000, description: With history last.}
            GroupAudience: {type: string, enum: [all, admins]}
            GroupResult:
              type: object
              required: [group_id, conversation_id, name, seq]
              properties:
                group_id: {$ref: '#/components/schemas/ID'}
                conversation_id: {$ref: '#/components/schemas/ID'}
                name: {type: string}
                seq: {$ref: '#/components/schemas/Seq'}
                members: {type: array, items: {type: object, required: [user_id, result], properties: {user_id: {$ref: '#/components/schemas/UserID'}, result: {type: string, enum: [added, already, not_found, blocked, invite_needed]}}}}
            Group:
              type: object
              required: [group_id, conversation_id, name, seq, member_count]
              properties:
                group_id: {$ref: '#/components/schemas/ID'}
                conversation_id: {$ref: '#/components/schemas/ID'}
                name: {type: string}
                description: {type: string}
                settings: {$ref: '#/components/schemas/GroupSettings'}
                seq: {$ref: '#/components/schemas/Seq'}
                member_count: {type: integer, minimum: 0}
                role: {$ref: '#/components/schemas/Role'}
                creator_id: {$ref: '#/components/schemas/UserID'}
                created_at: {$ref: '#/components/schemas/Time'}
                deleted: {type: boolean}
            Invite:
              type: object
              required: [code, group_id, creator_id, created_at, uses]
              properties:
                code: {type: string}
                group_id: {$ref: '#/components/schemas/ID'}
                creator_id: {$ref: '#/components/schemas/UserID'}
                created_at: {$ref: '#/components/schemas/Time'}
                expires_at: {$ref: '#/components/schemas/Time'}
                uses_max: {type: integer, minimum: 1}
                uses: {type: integer, minimum: 0}

        """#
}
