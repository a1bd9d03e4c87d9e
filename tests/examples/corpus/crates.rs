//! The crates, and how each is built.

/// A published crate that uses `async` heavily.
pub(crate) struct Listed {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Arguments of `cargo check` and `cargo test`.
    pub(crate) features: &'static [&'static str],
    /// Arguments that choose the tests which need no server and no network; none: there is no such test.
    pub(crate) tests: &'static [&'static str],
}

const fn listed(
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
    tests: &'static [&'static str],
) -> Listed {
    Listed {
        name,
        version,
        features,
        tests,
    }
}

pub(crate) const CRATES: &[Listed] = &[
    listed("mini-redis", "=0.4.1", &[], &["--lib", "--tests"]),
    listed("bb8", "=0.9.1", &[], &["--lib", "--tests"]),
    listed(
        "deadpool",
        "=0.13.1",
        &["--features=managed,unmanaged,rt_tokio_1"],
        &[],
    ),
    listed("hyper-util", "=0.1.21", &["--features=full"], &["--lib"]),
    listed("tower-http", "=0.7.1", &["--features=full"], &["--lib"]),
    listed("axum", "=0.8.9", &["--features=macros,multipart,ws"], &[]),
    listed("warp", "=0.4.3", &["--all-features"], &["--lib"]),
    listed(
        "redis",
        "=1.8.1",
        &["--features=tokio-comp,connection-manager,cluster-async"],
        &[],
    ),
    listed("tokio-postgres", "=0.7.18", &[], &[]),
    listed("async-imap", "=0.12.0", &[], &["--lib"]),
    listed("fantoccini", "=0.22.1", &["--no-default-features"], &[]),
    listed("rumqttc", "=0.25.1", &["--no-default-features"], &["--lib"]),
    listed("bollard", "=0.21.1", &[], &[]),
    listed(
        "reqwest",
        "=0.13.5",
        &[
            "--no-default-features",
            "--features=json,form,query,stream,cookies,multipart,gzip,brotli,deflate,socks,http2,charset,blocking,rustls-no-provider",
        ],
        &["--lib"],
    ),
    listed(
        "quinn",
        "=0.11.12",
        &[
            "--no-default-features",
            "--features=runtime-tokio,rustls-ring",
        ],
        &["--lib"],
    ),
    listed(
        "object_store",
        "=0.14.2",
        &[
            "--features=aws-base,azure-base,gcp-base,http-base,ring,reqwest,reqwest/rustls-no-provider",
        ],
        &["--lib"],
    ),
    listed(
        "hickory-resolver",
        "=0.26.3",
        &["--features=https-ring,dnssec-ring,recursor"],
        &[],
    ),
    listed(
        "hickory-net",
        "=0.26.3",
        &["--features=tokio,https-ring,quic-ring,h3-ring,dnssec-ring,mdns"],
        &[],
    ),
    listed("sqlx-core", "=0.9.0", &["--features=_rt-tokio"], &["--lib"]),
    listed("async-nats", "=0.51.0", &[], &[]),
    listed(
        "tiberius",
        "=0.13.0",
        &[
            "--no-default-features",
            "--features=tds73,sql-browser-tokio",
        ],
        &["--lib"],
    ),
    listed(
        "suppaftp",
        "=12.2.1",
        &["--features=tokio,tokio-rustls-ring,smol"],
        &[],
    ),
    listed(
        "lapin",
        "=4.12.3",
        &["--no-default-features", "--features=tokio"],
        &["--lib"],
    ),
    listed("zbus", "=6.2.1", &["--features=p2p"], &[]),
    listed(
        "async-std",
        "=1.13.2",
        &["--features=attributes,unstable"],
        &["--lib"],
    ),
    listed(
        "meilisearch-sdk",
        "=0.33.0",
        &[
            "--no-default-features",
            "--features=reqwest,jwt_rust_crypto",
        ],
        &[],
    ),
    listed("scylla", "=1.9.0", &[], &[]),
    listed(
        "mysql_async",
        "=0.37.1",
        &["--no-default-features", "--features=minimal-rust"],
        &[],
    ),
    listed(
        "russh",
        "=0.65.1",
        &["--no-default-features", "--features=ring,flate2,rsa"],
        &["--lib"],
    ),
    listed("serenity", "=0.12.5", &[], &["--lib"]),
    listed("tokio", "=1.54.1", &["--features=full"], &[]),
    listed(
        "poem",
        "=3.1.12",
        &[
            "--features=compression,cookie,csrf,multipart,requestid,session,sse,static-files,tempfile,test,tower-compat,websocket",
        ],
        &["--lib"],
    ),
    listed(
        "salvo_core",
        "=1.1.0",
        &[
            "--no-default-features",
            "--features=cookie,fix-http1-request-uri,server,server-handle,http1,http2,test,ring,rustls,matched-path,unix",
        ],
        &["--lib"],
    ),
    listed("hyper", "=1.12.0", &["--features=full"], &["--lib"]),
    listed("bore-cli", "=0.6.0", &[], &["--tests"]),
    listed(
        "rmcp",
        "=3.11.0",
        &[
            "--features=client,transport-io,transport-child-process,transport-streamable-http-server,transport-streamable-http-client-reqwest,elicitation",
        ],
        &["--lib"],
    ),
];
