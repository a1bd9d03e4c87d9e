use request_context::scheduler;

fn start() {
    drop(scheduler!().spawn(async {})); //~ ERROR `scheduler!()` needs a request context
}

fn main() {}

//~ TWIN scheduler_as_an_argument_of_a_sync_fn
