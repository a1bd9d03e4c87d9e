#[context_async(App)]
default async fn main<T>(a: App);
