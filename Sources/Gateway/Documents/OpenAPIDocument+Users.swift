extension OpenAPIDocument {
    static let userPaths = #"""
          /v1/users/{id}:
            parameters: [{$ref: '#/components/parameters/UserID'}]
            put:
              operationId: createUser
              summary: Make a user exist; a backend may name anybody.
              responses:
                '200': {description: It exists, content: {application/json: {schema: {type: object, required: [user_id], properties: {user_id: {$ref: '#/components/schemas/UserID'}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: deleteUser
              summary: End an account; a backend may name anybody. Its messages become unreadable everywhere.
              responses: &erased
                '200': {description: Deleted, content: {application/json: {schema: {type: object, required: [user_id, deleted], properties: {user_id: {$ref: '#/components/schemas/UserID'}, deleted: {type: boolean}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/users/me:
            delete:
              operationId: deleteMe
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: *erased
          /v1/users/me/export:
            get:
              operationId: exportMe
              summary: Everything that is kept of the user, a JSON object a line; the last line says whether more follows.
              parameters: [{$ref: '#/components/parameters/Cursor'}, {$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: A page, content: {application/x-ndjson: {schema: {type: string}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/users/me/settings:
            get:
              operationId: getSettings
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: &settings
                '200': {description: The settings, content: {application/json: {schema: {$ref: '#/components/schemas/Settings'}}}}
                default: {$ref: '#/components/responses/Refusal'}
            patch:
              operationId: setSettings
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/SettingsChange'}}}}
              responses: *settings
          /v1/users/me/blocks:
            get:
              operationId: listBlocks
              parameters: [{$ref: '#/components/parameters/Cursor'}, {$ref: '#/components/parameters/Limit'}, {$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: Whom the user blocks, content: {application/json: {schema: {type: object, required: [blocks, next_cursor, has_more], properties: {blocks: {type: array, items: {type: object, required: [user_id, blocked_at], properties: {user_id: {$ref: '#/components/schemas/UserID'}, blocked_at: {$ref: '#/components/schemas/Time'}}}}, next_cursor: {$ref: '#/components/schemas/NextCursor'}, has_more: {type: boolean}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/users/me/blocks/{id}:
            parameters: [{$ref: '#/components/parameters/UserID'}]
            put:
              operationId: block
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: &blocked
                '200': {description: Done, content: {application/json: {schema: {type: object, required: [user_id, blocked], properties: {user_id: {$ref: '#/components/schemas/UserID'}, blocked: {type: boolean}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: unblock
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses: *blocked
          /v1/users/{id}/presence:
            parameters: [{$ref: '#/components/parameters/UserID'}]
            get:
              operationId: presence
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: As far as the caller may see it, content: {application/json: {schema: {$ref: '#/components/schemas/Presence'}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/presence:
            post:
              operationId: presences
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [user_ids], properties: {user_ids: {type: array, maxItems: 100, items: {$ref: '#/components/schemas/UserID'}}, sender_id: {$ref: '#/components/schemas/UserID'}}}}}}
              responses:
                '200': {description: One each, content: {application/json: {schema: {type: object, required: [presence], properties: {presence: {type: array, items: {$ref: '#/components/schemas/Presence'}}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/users/{id}/keys:
            parameters: [{$ref: '#/components/parameters/UserID'}]
            get:
              operationId: takeKeys
              summary: A key bundle of each device; a one-time key is handed out once.
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: By device, content: {application/json: {schema: {type: object, required: [user_id, devices], properties: {user_id: {$ref: '#/components/schemas/UserID'}, devices: {type: array, items: {type: object, required: [device_id, identity_key, signed_prekey]}}}}}}}
                default: {$ref: '#/components/responses/Refusal'}

        """#

    static let devicePaths = #"""
          /v1/users/me/devices:
            get:
              operationId: listDevices
              parameters: [{$ref: '#/components/parameters/ActingFor'}]
              responses:
                '200': {description: In the order they came, content: {application/json: {schema: {type: object, required: [devices], properties: {devices: {type: array, items: {$ref: '#/components/schemas/DeviceState'}}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
          /v1/users/me/devices/{id}:
            parameters: [{$ref: '#/components/parameters/DeviceID'}, {$ref: '#/components/parameters/ActingFor'}]
            patch:
              operationId: renameDevice
              requestBody: {required: true, content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string}}}}}}
              responses: &device
                '200': {description: Done, content: {application/json: {schema: {type: object, required: [device_id], properties: {device_id: {type: string}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
            delete:
              operationId: revokeDevice
              summary: Its sockets are closed everywhere within a second.
              responses: *device
          /v1/users/me/devices/{id}/push:
            parameters: [{$ref: '#/components/parameters/DeviceID'}, {$ref: '#/components/parameters/ActingFor'}]
            put:
              operationId: registerPush
              requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/PushRegistration'}}}}
              responses: *device
            delete: {operationId: unregisterPush, responses: *device}
          /v1/users/me/devices/{id}/keys:
            parameters: [{$ref: '#/components/parameters/DeviceID'}, {$ref: '#/components/parameters/ActingFor'}]
            put:
              operationId: uploadKeys
              requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {identity_key: {type: string}, signed_prekey: {type: object}, one_time_prekeys: {type: array, items: {type: object}}}}}}}
              responses: &stock
                '200': {description: What is left, content: {application/json: {schema: {type: object, required: [device_id, one_time_prekeys], properties: {device_id: {type: string}, signed_prekey_id: {type: integer}, one_time_prekeys: {type: integer, minimum: 0}, highest_key_id: {type: integer}}}}}}
                default: {$ref: '#/components/responses/Refusal'}
            get: {operationId: keyStock, responses: *stock}

        """#

    static let userSchemas = #"""
            Settings:
              type: object
              required: [last_seen, online, read_receipts, group_add, quiet_hours]
              properties:
                last_seen: {$ref: '#/components/schemas/Audience'}
                online: {$ref: '#/components/schemas/Audience'}
                group_add: {$ref: '#/components/schemas/Audience'}
                read_receipts: {type: boolean}
                quiet_hours: {type: [object, 'null'], properties: {start: {type: string}, end: {type: string}, time_zone: {type: string}}}
            SettingsChange:
              type: object
              properties:
                last_seen: {$ref: '#/components/schemas/Audience'}
                online: {$ref: '#/components/schemas/Audience'}
                group_add: {$ref: '#/components/schemas/Audience'}
                read_receipts: {type: boolean}
                quiet_hours: {type: [object, 'null'], required: [start, end, time_zone], properties: {start: {type: string, pattern: '^[0-2][0-9]:[0-5][0-9]$'}, end: {type: string, pattern: '^[0-2][0-9]:[0-5][0-9]$'}, time_zone: {type: string, examples: [Europe/Berlin]}}}
            Audience: {type: string, enum: [everyone, contacts, nobody]}
            Presence:
              type: object
              required: [user_id, status]
              properties:
                user_id: {$ref: '#/components/schemas/UserID'}
                status: {type: string, enum: [online, offline]}
                last_seen: {$ref: '#/components/schemas/Time'}
            DeviceState:
              type: object
              required: [device_id, name, created_at, last_active_at, connected]
              properties:
                device_id: {type: string}
                name: {type: string}
                created_at: {$ref: '#/components/schemas/Time'}
                last_active_at: {$ref: '#/components/schemas/Time'}
                connected: {type: boolean}
                node_id: {$ref: '#/components/schemas/ID'}
                current: {type: boolean}
                push: {type: object, properties: {provider: {type: string}, content: {type: string}, registered_at: {$ref: '#/components/schemas/Time'}}}
                one_time_prekeys: {type: integer, minimum: 0}
            PushRegistration:
              type: object
              required: [provider]
              properties:
                provider: {type: string, enum: [apns, fcm, webpush, webhook]}
                content: {type: string, enum: [full, sender, silent]}
                token: {type: string, description: Of apns and fcm.}
                topic: {type: string}
                environment: {type: string, enum: [production, sandbox]}
                endpoint: {type: string, description: Of webpush.}
                keys: {type: object, properties: {p256dh: {type: string}, auth: {type: string}}}
                url: {type: string, description: Of a webhook.}
                secret: {type: string}

        """#
}
