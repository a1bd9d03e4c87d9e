//! Which probes see the context, for all four choices of a request.

use std::fmt::Display;

use request_context::RequestContext;

use crate::probes::{Flags, Flow, Probe, Request, controller};

const USER: &str = "ada";

/// The table, computed by four requests.
pub(crate) async fn table() -> String {
    let header = Flow::default().probes().map(|(name, _)| name.to_owned());
    let mut table = row("configureAwait", "tsFromSyncContext", &header);
    for configure_await in [true, false] {
        for ts_from_sync_context in [false, true] {
            let context = RequestContext::new(Request {
                user: USER.to_owned(),
            });
            let flow = context
                .run(controller(Flags {
                    configure_await,
                    ts_from_sync_context,
                }))
                .await;
            table += &row(configure_await, ts_from_sync_context, &cells(&flow));
        }
    }
    table
}

/// One cell per probe. A failure is the last one: what would come after it is never reached.
fn cells(flow: &Flow) -> Vec<String> {
    let mut cells = Vec::new();
    for (_, probe) in flow.probes() {
        match probe {
            Probe::Taken { user, .. } if user.as_deref() == Some(USER) => cells.push("ok".into()),
            Probe::Taken { .. } | Probe::NotReached => cells.push("-".into()),
            Probe::Failed(no_context) => {
                cells.push(format!("error: {no_context}"));
                break;
            }
        }
    }
    cells
}

fn row(
    configure_await: impl Display,
    ts_from_sync_context: impl Display,
    cells: &[String],
) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:<2}")).collect();
    let row = format!(
        "{configure_await:<14}  {ts_from_sync_context:<17}  {}",
        cells.join("  ")
    );
    row.trim_end().to_owned() + "\n"
}
