use request_context::detached;

#[detached]
async fn load(id: u64) -> u64 {
    id
}

#[detached]
async fn load_both() -> u64 {
    let first = load(1).await;
    first +
} //~ ERROR expected expression, found `}`

fn main() {}
