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
    listed("deadpool", "=0.13.1", &[], &[]),
    listed("hyper-util", "=0.1.21", &["--features=full"], &[]),
    listed("tower-http", "=0.7.1", &["--features=full"], &[]),
    listed("axum", "=0.8.9", &["--features=macros,multipart,ws"], &[]),
    listed("warp", "=0.4.3", &["--all-features"], &[]),
    listed(
        "redis",
        "=1.8.1",
        &["--features=tokio-comp,connection-manager,cluster-async"],
        &[],
    ),
    listed("tokio-postgres", "=0.7.18", &[], &[]),
    listed("async-imap", "=0.12.0", &[], &["--lib"]),
    listed("fantoccini", "=0.22.1", &["--no-default-features"], &[]),
    listed("rumqttc", "=0.25.1", &["--no-default-features"], &[]),
    listed("bollard", "=0.21.1", &[], &[]),
    listed(
        "reqwest",
        "=0.13.5",
        &[
            "--no-default-features",
            "--features=json,stream,cookies,multipart,gzip,socks",
        ],
        &[],
    ),
    listed(
        "quinn",
        "=0.11.12",
        &[
            "--no-default-features",
            "--features=runtime-tokio,rustls-ring",
        ],
        &[],
    ),
    listed("object_store", "=0.14.2", &[], &[]),
    listed("hickory-resolver", "=0.26.3", &[], &[]),
    listed("hickory-net", "=0.26.3", &["--features=tokio"], &[]),
    listed("sqlx-core", "=0.9.0", &["--features=_rt-tokio"], &[]),
    listed("async-nats", "=0.51.0", &[], &[]),
    listed(
        "tiberius",
        "=0.13.0",
        &[
            "--no-default-features",
            "--features=tds73,sql-browser-tokio",
        ],
        &[],
    ),
    listed("suppaftp", "=12.2.1", &["--features=tokio"], &[]),
    listed(
        "lapin",
        "=4.12.3",
        &["--no-default-features", "--features=tokio"],
        &[],
    ),
    listed("zbus", "=6.2.1", &[], &[]),
    listed("async-std", "=1.13.2", &["--features=attributes"], &[]),
    listed("meilisearch-sdk", "=0.33.0", &[], &[]),
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
        &[],
    ),
    listed("serenity", "=0.12.5", &[], &[]),
    listed("tokio", "=1.54.1", &["--features=full"], &[]),
];
