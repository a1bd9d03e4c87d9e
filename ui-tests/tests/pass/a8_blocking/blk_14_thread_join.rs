#![deny(warnings)]

use std::path::Path;

use request_context::{JoinError, context_async, spawn_blocking_detached};

struct Joined;

impl Joined {
    async fn join(self) -> Option<u32> {
        Some(1)
    }
}

#[context_async(String)]
async fn index(folder: &Path, other: Joined) -> Result<(), JoinError> {
    spawn_blocking_detached(|| ()).await?;
    spawn_blocking_detached(|| ()).await.unwrap();
    folder.join("file").to_str().unwrap();
    ["a", "b"].join(", ");
    other.join().await.unwrap();
    Ok(())
}

fn main() {}
