/// The WebSocket in AsyncAPI 3.0: what a client may write, and what it is written.
enum AsyncAPIDocument {
    static let text = head + clientFrames + serverFrames + parts

    private static let head = #"""
        asyncapi: 3.0.0
        info:
          title: Martlet
          version: "1"
          license: {name: Apache-2.0}
          description: >-
            One JSON object a text frame. `ref` of a frame is echoed in its direct answer. After `welcome` comes what the device has
            missed, then `sync_done`, then live. Close codes: 4000 draining, 4001 replaced, 4002 token expired, 4003 revoked,
            4008 rate limit abuse, 4009 protocol violation, 4010 slow consumer, 1009 frame too large. The same events come
            as server-sent events (/v1/events) and by long poll (/v1/poll).
        channels:
          ws:
            address: /v1/ws
            description: 'Query: device (unless the token pins one), cursor, access_token for browsers.'
            bindings: {ws: {method: GET, query: {type: object, properties: {device: {type: string}, cursor: {type: string}, access_token: {type: string}}}}}
            messages:
              send: {$ref: '#/components/messages/send'}
              clientStatus: {$ref: '#/components/messages/clientStatus'}
              ping: {$ref: '#/components/messages/ping'}
              presenceSubscribe: {$ref: '#/components/messages/presenceSubscribe'}
              presenceUnsubscribe: {$ref: '#/components/messages/presenceUnsubscribe'}
              clientTyping: {$ref: '#/components/messages/clientTyping'}
              history: {$ref: '#/components/messages/history'}
              away: {$ref: '#/components/messages/away'}
              active: {$ref: '#/components/messages/active'}
              welcome: {$ref: '#/components/messages/welcome'}
              sent: {$ref: '#/components/messages/sent'}
              ok: {$ref: '#/components/messages/ok'}
              pong: {$ref: '#/components/messages/pong'}
              message: {$ref: '#/components/messages/message'}
              status: {$ref: '#/components/messages/status'}
              receipts: {$ref: '#/components/messages/receipts'}
              presence: {$ref: '#/components/messages/presence'}
              typing: {$ref: '#/components/messages/typing'}
              group: {$ref: '#/components/messages/group'}
              update: {$ref: '#/components/messages/update'}
              conversation: {$ref: '#/components/messages/conversation'}
              historyPage: {$ref: '#/components/messages/historyPage'}
              syncDone: {$ref: '#/components/messages/syncDone'}
              cursor: {$ref: '#/components/messages/cursor'}
              draining: {$ref: '#/components/messages/draining'}
              gone: {$ref: '#/components/messages/gone'}
              resync: {$ref: '#/components/messages/resync'}
              error: {$ref: '#/components/messages/error'}
        operations:
          write:
            action: receive
            channel: {$ref: '#/channels/ws'}
            messages: [{$ref: '#/channels/ws/messages/send'}, {$ref: '#/channels/ws/messages/clientStatus'}, {$ref: '#/channels/ws/messages/ping'}, {$ref: '#/channels/ws/messages/presenceSubscribe'}, {$ref: '#/channels/ws/messages/presenceUnsubscribe'}, {$ref: '#/channels/ws/messages/clientTyping'}, {$ref: '#/channels/ws/messages/history'}, {$ref: '#/channels/ws/messages/away'}, {$ref: '#/channels/ws/messages/active'}]
          read:
            action: send
            channel: {$ref: '#/channels/ws'}
            messages: [{$ref: '#/channels/ws/messages/welcome'}, {$ref: '#/channels/ws/messages/sent'}, {$ref: '#/channels/ws/messages/ok'}, {$ref: '#/channels/ws/messages/pong'}, {$ref: '#/channels/ws/messages/message'}, {$ref: '#/channels/ws/messages/status'}, {$ref: '#/channels/ws/messages/receipts'}, {$ref: '#/channels/ws/messages/presence'}, {$ref: '#/channels/ws/messages/typing'}, {$ref: '#/channels/ws/messages/group'}, {$ref: '#/channels/ws/messages/update'}, {$ref: '#/channels/ws/messages/conversation'}, {$ref: '#/channels/ws/messages/historyPage'}, {$ref: '#/channels/ws/messages/syncDone'}, {$ref: '#/channels/ws/messages/cursor'}, {$ref: '#/channels/ws/messages/draining'}, {$ref: '#/channels/ws/messages/gone'}, {$ref: '#/channels/ws/messages/resync'}, {$ref: '#/channels/ws/messages/error'}]
        components:
          messages:

        """#

    private static let clientFrames = #"""
            send: {payload: {type: object, required: [type, client_message_id, recipient_id, recipient_type, message_type, content], properties: {type: {const: send}, ref: {type: string}, client_message_id: {type: string, minLength: 1, maxLength: 64}, recipient_id: {type: string}, recipient_type: {enum: [user, group]}, message_type: {$ref: '#/components/schemas/MessageType'}, content: {type: string, maxLength: 65536}, timestamp: {$ref: '#/components/schemas/Time'}, reply_to: {$ref: '#/components/schemas/ID'}, mentions: {type: array, items: {$ref: '#/components/schemas/UserID'}}, expires_in_ms: {type: integer, minimum: 1}, sender_id: {$ref: '#/components/schemas/UserID'}}}}
            clientStatus: {name: status, payload: {type: object, required: [type, status], properties: {type: {const: status}, ref: {type: string}, status: {enum: [delivered, read]}, message_id: {$ref: '#/components/schemas/ID'}, conversation_id: {$ref: '#/components/schemas/ID'}, up_to_seq: {$ref: '#/components/schemas/Seq'}}}}
            ping: {payload: {type: object, required: [type], properties: {type: {const: ping}, ref: {type: string}}}}
            presenceSubscribe: {name: presence_subscribe, payload: {type: object, required: [type, user_ids], properties: {type: {const: presence_subscribe}, ref: {type: string}, user_ids: {type: array, maxItems: 200, items: {$ref: '#/components/schemas/UserID'}}}}}
            presenceUnsubscribe: {name: presence_unsubscribe, payload: {type: object, required: [type, user_ids], properties: {type: {const: presence_unsubscribe}, user_ids: {type: array, items: {$ref: '#/components/schemas/UserID'}}}}}
            clientTyping: {name: typing, payload: {type: object, required: [type, conversation_id, state], properties: {type: {const: typing}, conversation_id: {$ref: '#/components/schemas/ID'}, state: {enum: [started, stopped]}}}}
            history: {payload: {type: object, required: [type, conversation_id], properties: {type: {const: history}, ref: {type: string}, conversation_id: {$ref: '#/components/schemas/ID'}, before: {$ref: '#/components/schemas/Seq'}, limit: {type: integer, minimum: 1, maximum: 100}, proof: {type: boolean}}}}
            away: {payload: {type: object, required: [type], properties: {type: {const: away}}}}
            active: {payload: {type: object, required: [type], properties: {type: {const: active}}}}

        """#

    private static let serverFrames = #"""
            welcome: {payload: {type: object, required: [type, user_id, device_id, node_id, session_id, heartbeat_interval_ms, server_time], properties: {type: {const: welcome}, user_id: {$ref: '#/components/schemas/UserID'}, device_id: {type: string}, node_id: {$ref: '#/components/schemas/ID'}, session_id: {type: string}, heartbeat_interval_ms: {type: integer}, server_time: {$ref: '#/components/schemas/Time'}}}}
            sent: {payload: {type: object, required: [type, client_message_id, message_id, conversation_id, seq, timestamp], properties: {type: {const: sent}, ref: {type: string}, client_message_id: {type: string}, message_id: {$ref: '#/components/schemas/ID'}, conversation_id: {$ref: '#/components/schemas/ID'}, seq: {$ref: '#/components/schemas/Seq'}, timestamp: {$ref: '#/components/schemas/Time'}, duplicate: {type: boolean}}}}
            ok: {payload: {type: object, required: [type, ref], properties: {type: {const: ok}, ref: {type: string}}}}
            pong: {payload: {type: object, required: [type], properties: {type: {const: pong}, ref: {type: string}}}}
            message: {payload: {$ref: '#/components/schemas/Message'}}
            status: {payload: {type: object, required: [type, conversation_id, message_id, seq, user_id, status, timestamp], properties: {type: {const: status}, conversation_id: {$ref: '#/components/schemas/ID'}, message_id: {$ref: '#/components/schemas/ID'}, seq: {$ref: '#/components/schemas/Seq'}, user_id: {$ref: '#/components/schemas/UserID'}, status: {enum: [delivered, read]}, timestamp: {$ref: '#/components/schemas/Time'}}}}
            receipts: {payload: {type: object, required: [type, conversation_id, message_id, seq, delivered_count, read_count, member_count], properties: {type: {const: receipts}, conversation_id: {$ref: '#/components/schemas/ID'}, message_id: {$ref: '#/components/schemas/ID'}, seq: {$ref: '#/components/schemas/Seq'}, delivered_count: {type: integer}, read_count: {type: integer}, member_count: {type: integer}}}}
            presence: {payload: {type: object, required: [type, user_id, status], properties: {type: {const: presence}, user_id: {$ref: '#/components/schemas/UserID'}, status: {enum: [online, offline]}, last_seen: {$ref: '#/components/schemas/Time'}}}}
            typing: {payload: {type: object, required: [type, conversation_id, user_id, state], properties: {type: {const: typing}, conversation_id: {$ref: '#/components/schemas/ID'}, user_id: {$ref: '#/components/schemas/UserID'}, state: {enum: [started, stopped]}}}}
            group: {payload: {type: object, required: [type, group_id, conversation_id, event, seq], properties: {type: {const: group}, group_id: {$ref: '#/components/schemas/ID'}, conversation_id: {$ref: '#/components/schemas/ID'}, event: {type: string}, seq: {$ref: '#/components/schemas/Seq'}, message_id: {$ref: '#/components/schemas/ID'}, timestamp: {$ref: '#/components/schemas/Time'}}}}
            update: {payload: {type: object, required: [type, conversation_id, message_id, seq, change], properties: {type: {const: update}, conversation_id: {$ref: '#/components/schemas/ID'}, message_id: {$ref: '#/components/schemas/ID'}, seq: {$ref: '#/components/schemas/Seq'}, change: {enum: [edited, deleted, reaction]}, content: {type: string}, edited_at: {$ref: '#/components/schemas/Time'}, emoji: {type: [string, 'null']}, for: {enum: [everyone, me]}, expired: {type: boolean}, user_id: {$ref: '#/components/schemas/UserID'}, timestamp: {$ref: '#/components/schemas/Time'}}}}
            conversation: {payload: {type: object, required: [type, conversation_id], properties: {type: {const: conversation}, conversation_id: {$ref: '#/components/schemas/ID'}, unread_count: {type: integer}, marked_unread: {type: boolean}, muted_until: {$ref: '#/components/schemas/Time'}, pinned: {type: boolean}, archived: {type: boolean}, cleared_seq: {$ref: '#/components/schemas/Seq'}, deleted: {type: boolean}}}}
            historyPage: {name: history, payload: {type: object, required: [type, messages, next_cursor], properties: {type: {const: history}, ref: {type: string}, messages: {type: array, items: {$ref: '#/components/schemas/Message'}}, next_cursor: {type: [string, 'null']}, gone_up_to_seq: {type: integer}}}}
            syncDone: {name: sync_done, payload: {type: object, required: [type, cursor], properties: {type: {const: sync_done}, cursor: {type: string}}}}
            cursor: {payload: {type: object, required: [type, cursor], properties: {type: {const: cursor}, cursor: {type: string}}}}
            draining: {payload: {type: object, required: [type, deadline_ms, reconnect_to], properties: {type: {const: draining}, deadline_ms: {type: integer}, reconnect_to: {type: array, items: {type: string}}}}}
            gone: {payload: {type: object, required: [type, conversation_id, from_seq, up_to_seq], properties: {type: {const: gone}, conversation_id: {type: string, format: uuid}, from_seq: {type: integer}, up_to_seq: {type: integer}}}}
            resync: {payload: {type: object, required: [type], properties: {type: {const: resync}}}}
            error: {payload: {type: object, required: [type, status, code, message], properties: {type: {const: error}, ref: {type: string}, client_message_id: {type: string}, status: {type: integer}, code: {type: string}, message: {type: string}, retry_after_ms: {type: integer}}}}

        """#

    private static let parts = #"""
          schemas:
            ID: {type: string, format: uuid}
            UserID: {type: string, pattern: '^[A-Za-z0-9._@-]{1,64}$'}
            Time: {type: integer, description: Milliseconds since 1970 UTC.}
            Seq: {type: integer, minimum: 0}
            MessageType: {enum: [text, image, video, audio, file, location, contact, custom]}
            Message:
              type: object
              required: [conversation_id, message_id, seq, sender_id, recipient_id, recipient_type, message_type, timestamp]
              properties:
                type: {const: message}
                conversation_id: {$ref: '#/components/schemas/ID'}
                message_id: {$ref: '#/components/schemas/ID'}
                seq: {$ref: '#/components/schemas/Seq'}
                sender_id: {$ref: '#/components/schemas/UserID'}
                recipient_id: {type: string}
                recipient_type: {enum: [user, group]}
                message_type: {type: string}
                content: {type: string}
                timestamp: {$ref: '#/components/schemas/Time'}
                client_message_id: {type: string}
                reply_to: {$ref: '#/components/schemas/ID'}
                mentions: {type: array, items: {$ref: '#/components/schemas/UserID'}}
                edited_at: {$ref: '#/components/schemas/Time'}
                deleted: {type: boolean}

        """#
}
