//! What stands in a body and is not its own: nested items, blocks and closures; and what may not stand there at all.

use std::{
    future::{Future, ready},
    pin::pin,
};

use futures::StreamExt;
use request_context::{RequestContext, attach, context, context_async, context_block, detached};
use request_context_tests::{Request, seen, suspend};

use super::step;

#[test]
fn nested_items_are_left_alone_and_nested_fns_have_attributes_of_their_own() {
    #[context_async(Request)]
    async fn body() -> (u32, Vec<String>) {
        const ONE: u32 = {
            const fn one() -> u32 {
                1
            }
            one()
        };
        static NAME: &str = "static";
        struct Row<const N: usize>([u32; N]);
        trait Total {
            async fn total(&self) -> u32;
        }
        impl<const N: usize> Total for Row<N> {
            // Plain: it must go on to be one.
            async fn total(&self) -> u32 {
                suspend().await;
                self.0.iter().sum()
            }
        }
        impl<const N: usize> Row<N> {
            #[context_async(Request)]
            async fn of_the_user(&self) -> String {
                step(()).await;
                format!("{}{}", context!().user, N)
            }
        }
        #[context_async(Request)]
        async fn nested(value: u32) -> u32 {
            #[context_async(Request)]
            async fn innermost(value: u32) -> u32 {
                context!().increment();
                step(value).await
            }
            innermost(value).await + context!().count.get()
        }
        #[context_async(u8)]
        async fn of_another_state() -> u8 {
            suspend().await;
            *context!()
        }
        #[detached]
        async fn off() -> String {
            suspend().await;
            seen()
        }
        fn plain() -> impl Future<Output = u32> + Send {
            async { ready(1).await }
        }
        mod module {
            pub(super) async fn plain() -> String {
                request_context_tests::suspend().await;
                request_context_tests::seen()
            }
        }
        use module::plain as in_the_module;

        let row = Row([ONE, plain().await]);
        let other = RequestContext::new(7_u8).run(of_another_state()).await;
        let total = row.total().await + u32::from(other) + nested(10).await;
        let said = vec![
            NAME.to_owned(),
            row.of_the_user().await,
            off().await,
            in_the_module().await,
        ];
        (total, said)
    }

    let said = ["static", "ada2", "detached", "ada"].map(str::to_owned);
    assert_eq!(steps!(body()), ((2 + 7 + 12, said.to_vec()), 3));
}

#[test]
fn closures_and_async_closures_are_of_the_body_while_they_stay_there() {
    #[context_async(Request)]
    async fn body() -> Vec<String> {
        let mut said = Vec::new();
        let user = || context!().user.clone();
        let twice = async |value: u32| {
            suspend().await;
            attach!(step(value)).await + attach!(step(value)).await
        };
        said.push(format!("{} {}", user(), twice(1).await));
        let mut sum = 0;
        let mut add = async |value: u32| {
            sum += attach!(step(value)).await;
            assert_eq!(seen(), context!().user);
        };
        add(2).await;
        add(3).await;
        said.push(sum.to_string());
        let moved = async move |text: String| {
            suspend().await;
            format!("{text} {}", context!().user)
        };
        said.push(moved("moved".to_owned()).await);
        let question = async |value: Result<u32, String>| {
            let value = value?;
            attach!(step(())).await;
            Ok::<u32, String>(value + 1)
        };
        said.push(format!(
            "{:?} {:?}",
            question(Ok(1)).await,
            question(Err("no".to_owned())).await
        ));
        let future_of = |value| attach!(step(value));
        said.push((future_of(5).await + (|| step(6))().await).to_string());
        said
    }

    let said = ["ada 2", "5", "moved ada", "Ok(2) Err(\"no\")", "11"];
    assert_eq!(
        steps!(body()),
        (said.map(str::to_owned).to_vec(), 2 + 2 + 1 + 2)
    );
}

#[test]
fn streams_and_combinators_take_attached_calls() {
    #[context_async(Request)]
    async fn body() -> u32 {
        let token = context!();
        let all = (1..=3).map(|value| attach!(step(value)));
        let sum: u32 = futures::future::join_all(all).await.into_iter().sum();
        assert_eq!(seen(), token.user);
        let mut ordered = futures::stream::iter(1..=3)
            .map(|value| attach!(step(value)))
            .buffered(2);
        let mut more = 0;
        while let Some(value) = ordered.next().await {
            more += step(value).await;
        }
        let filtered = futures::stream::iter(1..=4)
            .filter(|&value| {
                let work = attach!(step(value % 2 == 0));
                async move { work.await }
            })
            .fold(0, async |sum, value| sum + attach!(step(value)).await);
        sum + more + pin!(filtered).await
    }

    assert_eq!(steps!(body()), (6 + 6 + 6, 3 + 6 + 4 + 2));
}

#[test]
fn statements_and_expressions_that_are_configured_out_are_gone() {
    #[context_async(Request)]
    async fn body() -> u32 {
        #[cfg(any())]
        let Some(gone) = nowhere(context!()).await else {
            gone.await
        };
        #[cfg(not(any()))]
        let kept = step(1).await;
        #[cfg(any())]
        nowhere().await?;
        #[cfg(not(any()))]
        step(()).await;
        #[cfg(any())]
        {
            scheduler!().nowhere().await
        }
        #[cfg(any())]
        nothing!(nowhere().await);
        #[cfg(any())]
        #[detached]
        nowhere().await;
        #[detached]
        #[cfg(any())]
        let gone = nowhere().await;
        #[cfg(not(any()))]
        #[detached]
        let off = {
            suspend().await;
            seen()
        };
        #[cfg(any())]
        use nowhere::at_all;
        #[cfg(any())]
        fn nowhere() -> Nothing {}
        #[allow(clippy::let_and_return)]
        let list = [
            #[cfg(any())]
            nowhere().await,
            step(2).await,
        ];
        #[cfg_attr(all(), allow(unused_variables))]
        let unused = step(3).await;
        assert_eq!((off.as_str(), list), ("detached", [2]));
        assert_eq!(seen(), "ada");
        #[cfg(any())]
        return nowhere();
        kept
    }

    #[detached]
    async fn off() -> u32 {
        #[cfg(any())]
        nowhere().await;
        #[cfg(not(any()))]
        let kept = ready(1).await;
        #[cfg(any())]
        {
            nowhere!(context!())
        }
        suspend().await;
        assert_eq!(seen(), "detached");
        kept
    }

    assert_eq!(steps!(body()), (1, 4));
    assert_eq!(steps!(off()), (1, 0));
}

#[test]
fn a_word_only_in_what_is_configured_out_is_no_use_of_the_context() {
    #[context_async(Request)]
    async fn body() -> u32 {
        #[cfg(any())]
        nowhere(context!());
        step(1).await
    }

    let block = context_block!(Request, async {
        #[cfg(any())]
        nowhere(scheduler!());
        step(1).await
    });

    assert_eq!(steps!(body()), (1, 1));
    assert_eq!(steps!(block), (1, 1));
}
