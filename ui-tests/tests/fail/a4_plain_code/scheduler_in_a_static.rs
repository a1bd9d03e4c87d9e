use std::sync::LazyLock;

use request_context::{Scheduler, scheduler};

static SCHEDULER: LazyLock<Scheduler<String>> = LazyLock::new(|| scheduler!()); //~ ERROR `scheduler!()` needs a request context

fn main() {}

//~ TWIN unchecked_look_up
