/// Keys that only these tests use; they guard nothing.
enum TestKeys {
    /// Of localhost and 127.0.0.1, signed by itself, until 2126.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUT9bEIW25jVs5JWyieOpsbL/Qlr4wCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTE5MjQxMFoYDzIxMjYxMTAx
        MTkyNDEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAAQI5hhl4k97H1pJqJkGjk3FRbk8iyute4SZR9ChOwkC577L5S8RAqad
        bJOZt53qM545UswxoRmNfvaqNweLF+gto28wbTAdBgNVHQ4EFgQUNRpsJC3sLHu6
        pICvKFf8y6veX6wwHwYDVR0jBBgwFoAUNRpsJC3sLHu6pICvKFf8y6veX6wwGgYD
        VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI
        zj0EAwIDSAAwRQIhAN9Z+AhewGLGIsPYEoCYUSjXVcmDRfVcbyb3AyqP7pXmAiBA
        J2wRqLFyq/n9kcis0Xxx0aExSBta68ixeNSOaEmF9A==
        -----END CERTIFICATE-----
        """

    static let certificateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglRxvacPwtDr1HhkX
        IUqfGJi7X7vHbMq+8B8POndorZ6hRANCAAQI5hhl4k97H1pJqJkGjk3FRbk8iyut
        e4SZR9ChOwkC577L5S8RAqadbJOZt53qM545UswxoRmNfvaqNweLF+gt
        -----END PRIVATE KEY-----
        """

    /// Of a service account.
    static let rsa = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDEZnM807A+I3Nw
        VhpxibFmALMo0TbhzAvqvMJ/u20oCCGRhtPcuXC8RTrGk2RmzU+Ay1payDtDiZ7P
        6WUh+KkjPtcN0HmeTmw2L8gk+4yICLrEHqOTTNVVqDIRbXKI4OIBYRavsTtW9Lz8
        LBOa61paqKYM/y63o1RcXQz3W3T5VEMFqKO8zlG7yhI7AT4A17AuoeXs9HYOGsXq
        iqx0+qY6puRsPz51BWMkVhtaetLKNbVboEYk4Eek57kbmbDHCh8KH3jV9HqV557T
        zN+VV4ziYkpTIQgKc8k724FeHH9pH3onX27gicgT09d6Mru2eBhGBuP7j0uLEtJB
        gLBOX/udAgMBAAECggEADIZqF/l6FmRlYsci9ZWt6g7mXhaFlP3Rzr0N/F5kFjb6
        iRDbpwpufZs+pdZVg1bZmKGfWAXH/cUjiyfbysBUbQp/ZYKjluxyazw929ns+unv
        mz1G+khenJFW7BSaRs9sqmDaNQcs/R0rhjt7Xphe0URLHq4ReSWh5igLASVkftf7
        toFf+/tAABQyFADIIG702ot6cqfT9nCsSE7/JLJgmNJweJYOxO+YWcopgiqvLosw
        EnZxk4td1AfqH3fTPVIhoh9ugjKt/b37ELLZrFESUcv3Qp3h3bXUFNKAN/CzyL8c
        f3awclYhUhld9zbsOS/SCF4t1PTqt93kdJ8ghBRScQKBgQDn5Qg4vYiAG5Feh/A9
        tM3O0PmUi9VyIJawefF+oAQWtKY9PVP7tHPpA2bNsTj5FPmr05Y16AQlxd+2a3lK
        7ybMJ0N8kVHgO1TKO7eVqF2dKASpLlCJPNvoAUeeHwnI5yXEt8iYW+C8W1VDVRHX
        aqVOxWpwpBkpmA74CpOIWw/UaQKBgQDY0N87Wjd03wXStgux6anxcbpD1apisqUl
        Ve/aRfChw56CrQijvn54uhfNiKjibBvALHezcVM+TFHHQDFh4jd8ZiXJBf5/vrDL
        TbLVyGzGPP9UXDUh4Q8t96+ppKH3UJUmUUn5F8/emFN0KrWNdzefv4DYNtxKBVph
        fL90Qck3FQKBgQCYAGqpNqNYxbk964EwEWmuHRDbq+UXUAE2YFhJlf3YHEWzcpWw
        MZKgtBgY0Af2TSdy19hoMVM2p0OCwWPaGHSn8TytVFwEzR9BCG/H63qhXu/fLXqg
        2oGSy/Pz04iIZes9zPHx3JetH3j+D68IMuF0hrbEauwLdZ6qO9SE1pvDsQKBgQDE
        FuROQaG2SZ5ym8Kn/bR9cWYMw8l9yiQiSD7NIkQniUxq0yPlM/weI/AzK03SugO/
        IniAChZHWa78jcobxQR5tcimro0l68jpljQPtVzrTW9/VIWZRnr8D+8HdqYljvPV
        298TMb4Gi62uepIIh7H/AKv+4F8Lcxvy32goNPdOoQKBgAXguTIxlBR7tABtZaD+
        astUWoSZqZyif8WLsEMHxZLyD2vf+iaF+qwlWojQHvQOhTcgQJcC1ysnLwjENG28
        PBA/K1TcPffchiV8JTS7AE8nrbtDgmFEsNNwsJRNjbn5T/NT91YwiMyWQmAtlr4h
        oMa1XepLYAeFX6ZK7lWF9NkO
        -----END PRIVATE KEY-----
        """
}
