//! Where a request context is seen, and where it is lost: the flow of one request through its awaits
//! and tasks, as five probes see it.
//!
//! ASP.NET's `ConfigureAwait(false)` and `Task.Run` lose `HttpContext.Current`, and `Task.Wait` on work
//! of one's own request deadlocks. The same three things, here:
//!
//! ```text
//! cargo run --example flow                 # serves http://127.0.0.1:3000, or another --port
//! cargo run --example flow -- --table      # which probes see the context, for all four choices
//! cargo run --example flow -- --blocking   # blocking on a context, off it, and on one's own
//! cargo run --example flow -- --wrapper    # posting back onto the context from a library's thread
//! ```
//!
//! ```text
//! curl 'http://127.0.0.1:3000/index?configureAwait=true&tsFromSyncContext=false' -H 'x-user: ada'
//! curl 'http://127.0.0.1:3000/index?configureAwait=false' -H 'accept: application/json'
//! ```
//!
//! Start reading at the controller, in `probes.rs`.

mod blocking;
mod probes;
mod server;
mod table;
mod wrapper;

use std::process::ExitCode;

use clap::Parser;

/// Shows where a request context is seen, and where it is lost.
#[derive(Parser)]
#[command(name = "flow")]
struct Args {
    /// Port of 127.0.0.1 to serve on; 0 takes a free one
    #[arg(long, default_value_t = 3000)]
    port: u16,

    /// Print which probes see the context, for all four choices, and serve nothing
    #[arg(long, conflicts_with_all = ["blocking", "wrapper"])]
    table: bool,

    /// Measure blocking on a context, off it, and on one's own, and serve nothing
    #[arg(long, conflicts_with = "wrapper")]
    blocking: bool,

    /// Post back onto a context from a library that runs closures off it, and serve nothing
    #[arg(long)]
    wrapper: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.table {
        print!("{}", table::table().await);
    } else if args.blocking {
        blocking::measure().await;
    } else if args.wrapper {
        if let Err(error) = wrapper::print().await {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    } else if let Err(error) = server::serve(args.port).await {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
