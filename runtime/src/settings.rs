//! What a builder sets: a context's name, budget and hooks. Its forks share them.

use std::{any::Any, fmt, num::NonZeroUsize};

use crate::{
    ContextId,
    context::Header,
    outstanding::{contained, discard, message},
    trusted,
};

/// Of a context that was made without a builder there are none, which costs it a pointer.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) name: Option<Box<str>>,
    pub(crate) budget: Option<NonZeroUsize>,
    pub(crate) on_panic: Option<OnPanic>,
    pub(crate) around_turn: Option<Box<dyn AroundTurn>>,
}

pub(crate) type OnPanic = Box<dyn Fn(&WorkPanic<'_>) + Send + Sync>;

impl Header {
    pub(crate) fn name(&self) -> Option<&str> {
        self.settings()?.name.as_deref()
    }

    /// How many items one poll of the driver runs at most.
    pub(crate) fn budget(&self) -> Option<NonZeroUsize> {
        self.settings()?.budget
    }

    /// Tells the panic hook. The caller is on the context.
    pub(crate) fn panicked(&self, payload: &(dyn Any + Send)) {
        let Some(hook) = self.settings().and_then(|all| all.on_panic.as_ref()) else {
            return;
        };
        let panic = WorkPanic {
            context: self.id,
            name: self.name(),
            payload,
        };
        contained(|| hook(&panic));
    }

    /// Runs `work` between the hooks around a turn. The caller is on the context.
    #[inline]
    pub(crate) fn around_turn<R>(&self, work: impl FnOnce() -> R) -> R {
        match self.settings() {
            Some(settings) => settings.around_turn(work),
            None => work(),
        }
    }
}

impl Settings {
    #[cold]
    fn around_turn<R>(&self, work: impl FnOnce() -> R) -> R {
        let Some(hooks) = &self.around_turn else {
            return work();
        };
        /// Thrown away by the panic of a hook, it must not add one of its own.
        struct Outcome<R>(Option<R>);
        impl<R> Drop for Outcome<R> {
            fn drop(&mut self) {
                if let Some(outcome) = self.0.take() {
                    discard(outcome);
                }
            }
        }

        let (mut work, mut outcome) = (Some(work), Outcome(None));
        hooks.run(&mut || outcome.0 = work.take().map(|work| work()));
        outcome.0.take().expect("hooks run their work")
    }
}

/// A piece of work that panicked: what [`Builder::on_panic`](crate::Builder::on_panic) is told.
pub struct WorkPanic<'a> {
    context: ContextId,
    name: Option<&'a str>,
    payload: &'a (dyn Any + Send),
}

impl WorkPanic<'_> {
    /// The context whose work panicked.
    pub fn context_id(&self) -> ContextId {
        self.context
    }

    /// The name of that context, if its builder gave it one.
    pub fn context_name(&self) -> Option<&str> {
        self.name
    }

    /// The panic's text.
    pub fn message(&self) -> &str {
        message(self.payload)
    }

    /// What the work panicked with. The handle of the work gets it, or else
    /// [`idle`](crate::RequestContext::idle).
    pub fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }
}

impl fmt::Debug for WorkPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkPanic")
            .field("context", &self.context)
            .field("name", &self.name)
            .field("message", &self.message())
            .finish()
    }
}

/// Hooks whose context's state is found where they run.
pub(crate) trait AroundTurn: Send + Sync {
    fn run(&self, work: &mut dyn FnMut());
}

/// Hooks of a context with state `S`, outermost first.
pub(crate) struct TurnHooks<S>(pub(crate) Vec<Box<dyn Around<S>>>);

impl<S: 'static> AroundTurn for TurnHooks<S> {
    fn run(&self, work: &mut dyn FnMut()) {
        fn nested<S>(hooks: &[Box<dyn Around<S>>], state: &S, work: &mut dyn FnMut()) {
            match hooks.split_first() {
                Some((hook, inner)) => hook.run(state, &mut || nested(inner, state, work)),
                None => work(),
            }
        }
        trusted::with_state(|state: &S| nested(&self.0, state, work)).expect("on the context");
    }
}

/// A [`TurnHook`](crate::TurnHook) whose `Before` is not known.
pub(crate) trait Around<S>: Send + Sync {
    fn run(&self, state: &S, work: &mut dyn FnMut());
}
