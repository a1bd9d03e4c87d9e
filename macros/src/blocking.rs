//! Calls that block the thread, by name: in a context body they hold up all who wait for its turn.
//!
//! A lint, not a proof: closures and nested blocks may run elsewhere, and other names may block too.

use proc_macro2::Ident;
use syn::{Expr, Path};

use crate::diagnostics::Errors;

/// What blocks, and what to write instead.
const BLOCKING: &[(&str, &str)] = &[
    ("block_on", "`.await` the future"),
    ("blocking_join", "`.await` the handle"),
    (
        "blocking_send",
        "use `send(..).await` of a channel, `scheduler.run(..).await` of a context",
    ),
    ("blocking_recv", "use `recv().await`"),
    ("blocking_recv_many", "use `recv_many(..).await`"),
    ("blocking_lock", "use `lock().await`"),
    ("blocking_lock_owned", "use `lock_owned().await`"),
    ("blocking_read", "use `read().await`"),
    ("blocking_write", "use `write().await`"),
];

const INSTEAD_OF_A_THREAD: &str =
    "start it by `spawn_blocking_detached(..)`, and `.await` its handle";

/// Reports `expr` if it is a call that blocks.
pub(crate) fn refuse(expr: &Expr, errors: &mut Errors) {
    let found = match expr {
        Expr::MethodCall(call) => by_name(&call.method).or_else(|| joined_thread(expr)),
        Expr::Try(_) => joined_thread(expr),
        Expr::Call(call) => match &*call.func {
            Expr::Path(function) => by_path(&function.path),
            _ => None,
        },
        _ => None,
    };
    if let Some((name, instead)) = found {
        errors.at(
            name.span(),
            format!(
                "`{name}` blocks the context this runs on, and all that wait for its turn; \
                 {instead}, or say that it is meant by the argument `allow(blocking)`"
            ),
        );
    }
}

fn by_name(name: &Ident) -> Option<(Ident, &'static str)> {
    let written = name.to_string();
    let (_, instead) = BLOCKING.iter().find(|(blocking, _)| written == *blocking)?;
    Some((name.clone(), *instead))
}

fn by_path(path: &Path) -> Option<(Ident, &'static str)> {
    let mut segments = path.segments.iter().rev();
    let name = &segments.next()?.ident;
    let module = segments.next().map(|segment| &segment.ident);
    if name == "sleep" && module.is_some_and(|module| module == "thread") {
        return Some((name.clone(), "use `tokio::time::sleep(..).await`"));
    }
    if name == "join" && module.is_some_and(|module| module == "JoinHandle") {
        return Some((name.clone(), INSTEAD_OF_A_THREAD));
    }
    by_name(name)
}

/// `thread.join()`, known from other joins by what is done to its result.
fn joined_thread(expr: &Expr) -> Option<(Ident, &'static str)> {
    let joined = match expr {
        Expr::Try(result) => &result.expr,
        Expr::MethodCall(result) if result.method == "unwrap" || result.method == "expect" => {
            &result.receiver
        }
        _ => return None,
    };
    match &**joined {
        Expr::MethodCall(call) if call.method == "join" && call.args.is_empty() => {
            Some((call.method.clone(), INSTEAD_OF_A_THREAD))
        }
        _ => None,
    }
}
