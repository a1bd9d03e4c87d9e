use std::cell::Cell;

use request_context::RequestContext;

fn handle() {
    let _context = RequestContext::concurrent(Cell::new(0)); //~ ERROR `Cell<{integer}>` cannot be shared between threads safely
}

fn main() {}

//~ TWIN concurrent_state_that_is_sync
