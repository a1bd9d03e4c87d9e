use request_context::scheduler;

fn start() {
    drop(scheduler!().spawn(async {})); //~ ERROR `scheduler!()` needs a request context
}

fn main() {}
