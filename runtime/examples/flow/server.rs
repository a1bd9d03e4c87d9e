//! The controller behind HTTP: each request on a context of its own.

use std::{
    io::{self, ErrorKind},
    net::Ipv4Addr,
};

use axum::{
    Json, Router,
    extract::{Query, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header::ACCEPT},
    response::{IntoResponse, Response},
    routing::get,
};
use request_context::RequestContext;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::probes::{Flags, Flow, Probe, Request, controller};

const USAGE: &str = "\
GET /index?configureAwait=<true|false>&tsFromSyncContext=<true|false>

  what each probe of the controller sees, on a line of its own
  configureAwait     whether it stays on its context after its first await (default: true)
  tsFromSyncContext  whether its task is started on the context's scheduler, and not on the pool
                     (default: false)

headers
  x-user: <name>            whose request it is (default: anonymous)
  accept: application/json  answers JSON instead of text
";

/// Serves until ctrl-c.
pub(crate) async fn serve(port: u16) -> Result<(), String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| cannot_listen(port, &error))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("listening on http://{address}");

    let app = Router::new()
        .route("/", get(USAGE))
        .route("/index", get(index));
    axum::serve(listener, app)
        .with_graceful_shutdown(ctrl_c())
        .await
        .map_err(|error| error.to_string())
}

fn cannot_listen(port: u16, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} of 127.0.0.1 is in use; choose another with --port")
        }
        _ => format!("cannot listen on 127.0.0.1:{port}: {error}"),
    }
}

async fn ctrl_c() {
    tokio::signal::ctrl_c()
        .await
        .expect("the handler of ctrl-c can be installed");
}

async fn index(
    flags: Result<Query<Flags>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, (StatusCode, String)> {
    let Query(flags) = flags.map_err(|rejection| {
        let why = rejection.body_text();
        (StatusCode::BAD_REQUEST, format!("{why}\n\n{USAGE}"))
    })?;

    let context = RequestContext::new(Request {
        user: user(&headers),
    });
    let flow = context.run(controller(flags)).await;

    Ok(if wants_json(&headers) {
        Json(to_json(&flow)).into_response()
    } else {
        to_text(&flow).into_response()
    })
}

fn user(headers: &HeaderMap) -> String {
    match headers.get("x-user") {
        Some(name) => String::from_utf8_lossy(name.as_bytes()).into_owned(),
        None => "anonymous".to_owned(),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|types| types.to_str().ok())
        .flat_map(|types| types.split(','))
        .filter_map(|media_type| media_type.split(';').next())
        .any(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

fn to_text(flow: &Flow) -> String {
    let lines = flow.probes().map(|(name, probe)| match probe {
        Probe::Taken {
            thread,
            user,
            scheduler,
        } => {
            let context = if user.is_some() { "yes" } else { "no" };
            let user = user.as_deref().unwrap_or("-");
            format!(
                "{name}  thread={thread}  context={context}  user={user}  scheduler={scheduler}\n"
            )
        }
        Probe::Failed(no_context) => format!("{name}  error: {no_context}\n"),
        Probe::NotReached => format!("{name}  -\n"),
    });
    lines.concat()
}

fn to_json(flow: &Flow) -> Value {
    let probes = flow.probes().map(|(name, probe)| match probe {
        Probe::Taken {
            thread,
            user,
            scheduler,
        } => json!({
            "probe": name,
            "thread": thread,
            "context": user.is_some(),
            "user": user,
            "scheduler": scheduler,
        }),
        Probe::Failed(no_context) => json!({ "probe": name, "error": no_context.to_string() }),
        Probe::NotReached => json!({ "probe": name, "reached": false }),
    });
    probes.into_iter().collect()
}
