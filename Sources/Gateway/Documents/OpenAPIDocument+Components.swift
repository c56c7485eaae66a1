extension OpenAPIDocument {
    static let components = #"""
        components:
          securitySchemes:
            token: {type: http, scheme: bearer, bearerFormat: JWT}
          parameters:
            MessageID: {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/ID'}}
            ConversationID: {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/ID'}}
            GroupID: {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/ID'}}
            UserID: {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/UserID'}}
            MemberID: {name: user, in: path, required: true, schema: {$ref: '#/components/schemas/UserID'}}
            DeviceID: {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/UserID'}}
            Device: {name: device, in: query, description: Needed unless the token pins one., schema: {$ref: '#/components/schemas/UserID'}}
            Cursor: {name: cursor, in: query, description: The next_cursor of the page before., schema: {type: string}}
            SyncCursor: {name: cursor, in: query, description: Where the device stands., schema: {type: string}}
            Limit: {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
            ActingFor: {name: sender_id, in: query, description: The user a backend acts for., schema: {$ref: '#/components/schemas/UserID'}}
          responses:
            Refusal:
              description: A refusal, or that the outcome is not known (504)
              content: {application/json: {schema: {$ref: '#/components/schemas/Error'}}}

        """#

    static let schemas = #"""
          schemas:
            ID: {type: string, pattern: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'}
            UserID: {type: string, pattern: '^[A-Za-z0-9._@-]{1,64}$'}
            Time: {type: integer, description: Milliseconds since 1970 UTC.}
            Seq: {type: integer, minimum: 0}
            NextCursor: {type: [string, 'null'], pattern: '^[A-Za-z0-9_-]+$'}
            MessageType: {type: string, enum: [text, image, video, audio, file, location, contact, custom]}
            Send:
              type: object
              required: [client_message_id, recipient_id, recipient_type, message_type, content]
              properties:
                client_message_id: {type: string, minLength: 1, maxLength: 64}
                recipient_id: {type: string}
                recipient_type: {type: string, enum: [user, group]}
                message_type: {$ref: '#/components/schemas/MessageType'}
                content: {type: string, minLength: 1, maxLength: 65536}
                timestamp: {$ref: '#/components/schemas/Time'}
                reply_to: {$ref: '#/components/schemas/ID'}
                mentions: {type: array, items: {$ref: '#/components/schemas/UserID'}}
                expires_in_ms: {type: integer, minimum: 1}
                ref: {type: string}
                sender_id: {$ref: '#/components/schemas/UserID'}
            Sent:
              type: object
              required: [type, client_message_id, message_id, conversation_id, seq, timestamp]
              properties:
                type: {const: sent}
                ref: {type: string}
                client_message_id: {type: string}
                message_id: {$ref: '#/components/schemas/ID'}
                conversation_id: {$ref: '#/components/schemas/ID'}
                seq: {$ref: '#/components/schemas/Seq'}
                timestamp: {$ref: '#/components/schemas/Time'}
                duplicate: {type: boolean}
            Message:
              type: object
              required: [conversation_id, message_id, seq, sender_id, recipient_id, recipient_type, message_type, timestamp]
              properties:
                conversation_id: {$ref: '#/components/schemas/ID'}
                message_id: {$ref: '#/components/schemas/ID'}
                seq: {$ref: '#/components/schemas/Seq'}
                sender_id: {$ref: '#/components/schemas/UserID'}
                recipient_id: {type: string}
                recipient_type: {type: string, enum: [user, group]}
                message_type: {type: string, enum: [text, image, video, audio, file, location, contact, custom, system]}
                content: {type: string}
                timestamp: {$ref: '#/components/schemas/Time'}
                client_timestamp: {$ref: '#/components/schemas/Time'}
                client_message_id: {type: string}
                reply_to: {$ref: '#/components/schemas/ID'}
                mentions: {type: array, items: {$ref: '#/components/schemas/UserID'}}
                expires_in_ms: {type: integer}
                edited_at: {$ref: '#/components/schemas/Time'}
                deleted: {type: boolean}
                reactions: {type: array, items: {type: object, required: [emoji, user_ids], properties: {emoji: {type: string}, user_ids: {type: array, items: {$ref: '#/components/schemas/UserID'}}}}}
            Update:
              type: object
              required: [conversation_id, message_id, seq, change]
              properties:
                type: {const: update}
                conversation_id: {$ref: '#/components/schemas/ID'}
                message_id: {$ref: '#/components/schemas/ID'}
                seq: {$ref: '#/components/schemas/Seq'}
                change: {type: string, enum: [edited, deleted, reaction]}
            Info:
              type: object
              required: [message_id, members]
              properties:
                message_id: {$ref: '#/components/schemas/ID'}
                members: {type: array, items: {type: object, required: [user_id], properties: {user_id: {$ref: '#/components/schemas/UserID'}, delivered_at: {$ref: '#/components/schemas/Time'}, read_at: {$ref: '#/components/schemas/Time'}, left_at: {$ref: '#/components/schemas/Time'}}}}
                delivered_count: {type: integer}
                read_count: {type: integer}
            Conversation:
              type: object
              required: [conversation_id, kind, title, last_seq, last_message_at, last_message_preview, unread_count, pinned, archived]
              properties:
                conversation_id: {$ref: '#/components/schemas/ID'}
                kind: {type: string, enum: [direct, group]}
                title: {type: string}
                peer_id: {$ref: '#/components/schemas/UserID'}
                last_seq: {$ref: '#/components/schemas/Seq'}
                last_message_at: {$ref: '#/components/schemas/Time'}
                last_message_preview: {type: string}
                unread_count: {type: integer, minimum: 0}
                marked_unread: {type: boolean}
                muted_until: {$ref: '#/components/schemas/Time'}
                pinned: {type: boolean}
                archived: {type: boolean}
                cleared_seq: {$ref: '#/components/schemas/Seq'}
                deleted: {type: boolean}
            Error:
              type: object
              required: [error]
              properties:
                error:
                  type: object
                  required: [code, message]
                  properties:
                    code: {type: string, enum: [invalid_request, message_too_long, bad_cursor, missing_field, unauthenticated, forbidden, blocked, not_member, group_send_restricted, sender_mismatch, not_found, recipient_unknown, duplicate_mismatch, stale_devices, gone, frame_too_large, rate_limited, unavailable, overloaded, draining, unknown, storage_full]}
                    message: {type: string}
                    retry_after_ms: {type: integer, minimum: 0}
                    field: {type: string}
                    max: {type: integer}

        """#
}
