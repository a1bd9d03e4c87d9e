#![deny(unused_must_use)]

use request_context::Scheduler;

fn log(scheduler: &Scheduler<String>) {
    scheduler.post(|user| println!("{user}")); //~ ERROR unused `request_context::JoinHandle` that must be used
}

fn main() {}

//~ TWIN handles_dropped_on_purpose
