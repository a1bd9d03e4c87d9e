#[context_block]
async { f(scheduler!()).await?; Ok(()) },
