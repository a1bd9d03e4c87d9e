#[context_async(boxed, App)]
async fn walk<'a>(self: Pin<&mut Self>, #[cfg(x)] #[expect(unused)] key: &'a str, each: Box<dyn Fn(&str) + '_>) -> Row<'_>;
