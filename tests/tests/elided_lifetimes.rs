//! An `async fn` may leave out lifetimes in an `impl Trait` argument, which other fns must name.

use std::fmt::Display;

use request_context::{RequestContext, context, context_async, detached};

struct Named<'a>(&'a str);

struct Table {
    separator: String,
}

trait Join {
    #[context_async(String)]
    async fn join(&self, words: impl Iterator<Item = (&str, Named<'_>)> + Send + '_) -> String;
}

impl Join for Table {
    #[context_async(String)]
    async fn join(&self, words: impl Iterator<Item = (&str, Named<'_>)> + Send + '_) -> String {
        let words: Vec<_> = words
            .map(|(word, named)| format!("{word}{}", named.0))
            .collect();
        tokio::task::yield_now().await;
        format!("{}: {}", *context!(), words.join(&self.separator))
    }
}

impl Table {
    /// The result borrows from `self`, whatever the argument holds.
    #[context_async]
    async fn kept<T: Display + Send>(
        &self,
        _: T,
        words: impl IntoIterator<Item = &str, IntoIter: Send> + Send,
    ) -> &str {
        assert_eq!(words.into_iter().count(), 2);
        &self.separator
    }

    #[detached]
    async fn counted(&self, words: impl IntoIterator<Item = (&str, Option<&str>)>) -> usize {
        words.into_iter().count()
    }
}

#[context_async(String)]
async fn all() -> String {
    let table = Table {
        separator: ", ".to_owned(),
    };
    let (own, other) = ("a".to_owned(), "b".to_owned());
    let words = [(own.as_str(), Named(&other)), (&other, Named(&own))];
    assert_eq!(table.kept::<u8>(1, [own.as_str(), "c"]).await, ", ");
    assert_eq!(table.counted([(own.as_str(), None)]).await, 1);
    table.join(words.into_iter()).await
}

#[tokio::test]
async fn lifetimes_may_be_left_out_in_an_impl_trait_argument() {
    let context = RequestContext::new("ada".to_owned());
    assert_eq!(context.run(all()).await, "ada: ab, ba");
}
