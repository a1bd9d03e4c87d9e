use request_context::{context_async, detached};

/// Takes what stands before its argument, and not the argument.
macro_rules! join {
    ($part:tt . detached $argument:tt) => {
        $part.call(victim()) //~ ERROR no method named `call` found for struct
    };
}

#[context_async(String)]
async fn victim() {}

#[context_async(String)]
async fn index() {
    #[detached]
    let _raw = join!(async {});
}

fn main() {}

//~ TWIN macro_that_forwards_in_a_detached_part
