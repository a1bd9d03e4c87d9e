//! Macros in a body: those of `format!`'s kind, unknown ones, and the body's own.

use std::{fmt::Write as _, pin::pin};

use request_context::{ContextThread, attach, context, context_async, detached, scheduler};
use request_context_tests::{Request, on_one_thread, seen, suspend};

use super::step;

#[test]
fn awaits_and_words_stand_in_the_arguments_of_format_and_its_kind() {
    #[context_async(Request)]
    async fn formats() -> String {
        let mut text = format!(
            "{}{x}{y:?}",
            step(1).await,
            x = step(2).await,
            y = context!().user
        );
        write!(text, "{:>width$}", step(3).await, width = step(2).await).unwrap();
        writeln!(&mut text, "{}", format!("{}", step(4.to_string()).await)).unwrap();
        assert!(step(true).await, "{}", step(context!().user.clone()).await);
        assert_eq!(
            step(context!().count.get()).await,
            6,
            "after {}",
            step(6).await
        );
        debug_assert_ne!(step(1).await, step(2).await);
        let rows = vec![step(1).await; step(3).await];
        let rows_are = async |length| attach!(step(length)).await == rows.len();
        assert!(matches!(step(rows.len()).await, 3 if context!().user == "ada"));
        assert!(matches!(rows.len(), length @ (1 | 3) if step(rows_are(length).await).await,));
        let rows = vec![rows[0], step(context!().count.get()).await];
        tracing::info!(target: "bodies", count = context!().count.get(), user = %context!().user, "{}", context!().user);
        print!("{}", step("").await);
        let pinned = pin!(step(rows[1]).await);
        text + &pinned.to_string()
    }

    assert_eq!(steps!(formats()).0, "12\"ada\" 34\n14");
}

#[test]
fn awaits_stand_in_the_fields_and_messages_of_events() {
    // What `tracing` makes of them cannot be sent, plain or not.
    #[context_async(Request, ?Send)]
    async fn events() -> u32 {
        tracing::info!(target: "bodies", rows = step(1).await, user = %step(context!().user.clone()).await, "{}", step(2).await);
        tracing::info!(rows.len = ?step(1).await, "more");
        step(context!().count.get()).await
    }

    let count = on_one_thread!(async {
        let context = ContextThread::new(|| Request::of("ada"));
        context.scheduler().spawn_with(events).await.unwrap()
    });
    assert_eq!(count, 0, "nobody listens to these events");
}

#[test]
fn a_panic_takes_its_message_from_awaits() {
    #[context_async(Request)]
    async fn panics(how: u32) -> u32 {
        match how {
            0 => panic!("{} of {}", step("panic").await, context!().user),
            1 => todo!("{}", step("todo").await),
            2 => unreachable!("{}", step("unreachable").await),
            _ => unimplemented!("{}", step("unimplemented").await),
        }
    }

    for (how, said) in ["panic of ada", "todo", "unreachable", "unimplemented"]
        .into_iter()
        .enumerate()
    {
        let said_by = request_context_tests::on_pool!(2, async move {
            let context = request_context::RequestContext::new(Request::of("ada"));
            let work = context
                .scheduler()
                .spawn(panics(u32::try_from(how).unwrap()));
            let error = work.await.unwrap_err();
            request_context_tests::message(&*error.into_panic())
        });
        assert!(said_by.ends_with(said), "{said_by}");
    }
}

/// Not known to anybody: what it is given is left alone, but for the words.
macro_rules! unknown {
    ($($body:tt)*) => {
        $($body)*
    };
}

#[test]
fn unknown_macros_keep_their_awaits_and_their_words_are_the_bodys() {
    #[context_async(Request)]
    async fn body() -> (u32, String) {
        unknown! {
            let before = attach!(step(1)).await;
            suspend().await;
            assert_eq!(seen(), context!().user);
        }
        let spawned = unknown!(scheduler!().spawn(step(before + 1)));
        let value = unknown!(spawned.await.unwrap());
        unknown!(for _ in 0..2 {
            attach!(step(())).await
        });
        unknown![suspend().await];
        (
            value,
            unknown!({ request_context::context!().user.clone() }),
        )
    }

    assert_eq!(steps!(body()), ((2, "ada".to_owned()), 4));
}

#[test]
fn macro_rules_of_the_body_use_its_words_and_are_given_its_awaits() {
    #[context_async(Request)]
    async fn body() -> String {
        macro_rules! user {
            () => {
                context!().user.as_str()
            };
            (after $work:expr) => {{
                let _: u32 = attach!($work).await;
                assert_eq!(seen(), user!());
                user!()
            }};
        }
        macro_rules! count {
            ($($value:expr),* $(,)?) => {
                0 $(+ attach!(step($value)).await)*
            };
        }
        let sum: u32 = count!(1, 2, attach!(step(3)).await);
        let user = user!(after step(4)).to_owned();
        {
            macro_rules! user {
                () => {
                    "inner"
                };
            }
            assert_eq!(user!(), "inner");
        }
        format!("{user}{sum}{}", user!())
    }

    assert_eq!(steps!(body()).0, "ada6ada");
}

/// Functions with an attribute that a macro puts there, and tokens of the macro's caller in them.
macro_rules! made {
    ($(#[$meta:meta])* $name:ident, $argument:ident: $ty:ty => $body:expr) => {
        $(#[$meta])*
        #[context_async(Request)]
        async fn $name($argument: $ty) -> (u32, String) {
            let value: u32 = step($body).await;
            suspend().await;
            (value, context!().user.clone())
        }
    };
    (whole $name:ident $body:block) => {
        #[context_async(Request)]
        async fn $name() -> u32 $body
    };
    (attribute $(#[$attribute:meta])* fn $name:ident($($args:tt)*) -> $result:ty { $($body:tt)* }) => {
        $(#[$attribute])*
        async fn $name($($args)*) -> $result { $($body)* }
    };
    (state $state:ty, $name:ident, $call:path, $field:ident) => {
        #[context_async($state)]
        async fn $name() -> String {
            $call(()).await;
            #[detached]
            let off = { suspend().await; seen() };
            let text = tokio::join!($call(off)).0;
            format!("{text} {}", context!().$field)
        }
    };
}

made!(#[doc = "Made."] made_with_body, value: u32 => value + context!().count.get());
made!(whole made_whole {
    let first = step(1).await;
    context!().increment();
    first + attach!(step(2)).await
});
made!(attribute #[context_async(Request)] fn made_by_attribute(value: u32) -> u32 {
    step(value).await + tokio::join!(step(1)).0 + context!().count.get()
});
made!(attribute #[detached] fn made_detached(value: u32) -> String {
    suspend().await;
    format!("{value} {}", seen())
});
made!(state Request, made_of_parts, step, user);

#[test]
fn functions_made_by_a_macro_take_bodies_and_words_of_either_side() {
    made!(whole made_inside {
        step(context!().count.get()).await
    });

    #[context_async(Request)]
    async fn all() -> String {
        let (value, user) = made_with_body(1).await;
        let whole = made_whole().await;
        let sum = made_by_attribute(3).await;
        let off = made_detached(4).await;
        let parts = made_of_parts().await;
        format!(
            "{value} {user} {whole} {sum} {off} {parts} {}",
            made_inside().await
        )
    }

    let (said, steps) = steps!(all());
    assert_eq!(said, "1 ada 3 10 4 detached detached ada 8");
    assert_eq!(steps, 1 + 3 + 2 + 2 + 1);
}
