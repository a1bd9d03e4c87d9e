use request_context::context_block;

struct App;

fn checked() {
    drop(context_block!(App, boxed, async {})); //~ ERROR unknown argument `boxed`
    drop(context_block!(App)); //~ ERROR `context_block!` needs an `async` block
    drop(context_block!(App, 5)); //~ ERROR `context_block!` needs an `async` block
    drop(context_block!(App, async {}, 5)); //~ ERROR `context_block!` ends with its `async` block
}

fn main() {}

//~ TWIN arguments_of_every_kind
