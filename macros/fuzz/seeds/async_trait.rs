#[detached]
fn load<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = Row> + Send + 'async_trait>>
where 'life0: 'async_trait, Self: 'async_trait
{
    Box::pin(async move { let _ = self; f(context!()).await })
}
