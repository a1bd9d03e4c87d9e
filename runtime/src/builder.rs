//! Contexts with settings.

use std::{cell::Cell, error::Error, fmt, num::NonZeroUsize, sync::Arc, thread::LocalKey};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::{
    ContextThread, Dispatch, RequestContext, TurnHook, WorkPanic,
    context::{Inner, Origin},
    settings::{Around, Settings, TurnHooks},
    turn_hook::Mirror,
};

/// Makes a context that is not like every other: see [`RequestContext::builder`](crate::RequestContext::builder)
/// and [`ContextThread::builder`](crate::ContextThread::builder).
///
/// # Examples
///
/// ```
/// use request_context::RequestContext;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), request_context::BuildError> {
/// let context = RequestContext::builder()
///     .name("GET /index")
///     .on_panic(|panic| eprintln!("{panic:?}"))
///     .build("ada".to_owned())?;
/// assert_eq!(context.name(), Some("GET /index"));
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder makes nothing before `build`"]
pub struct Builder<S> {
    runtime: Option<Handle>,
    parent: Option<CancellationToken>,
    /// As the user gave it: `build` says what is wrong with it.
    budget: Option<usize>,
    settings: Settings,
    hooks: Vec<Box<dyn Around<S>>>,
}

impl<S: 'static> Builder<S> {
    pub(crate) fn new() -> Self {
        Builder {
            runtime: None,
            parent: None,
            budget: None,
            settings: Settings::default(),
            hooks: Vec::new(),
        }
    }

    /// The tokio runtime that runs what is spawned and posted; by default the current one. Of a context that is bound
    /// to a thread it is the one that detached work goes to, and on a loop that whose timers and IO work there.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// A name for diagnostics: `Debug` of the context, the panic hook, and the errors of
    /// [`idle`](RequestContext::idle) show it; and the thread that [`build_thread`](Builder::build_thread) starts
    /// has it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into().into_boxed_str());
        self
    }

    /// How many pieces of work, at most, get a turn before other tasks of the runtime do. By default that is a
    /// matter of time: 50 microseconds, looked at after 8, 16, 32 and 64 turns, and every 64 from there.
    pub fn budget(mut self, turns: usize) -> Self {
        self.budget = Some(turns);
        self
    }

    /// A token whose cancellation cancels the context:
    /// [its own token](RequestContext::cancellation_token) is a child of this one.
    pub fn cancelled_by(mut self, parent: &CancellationToken) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    /// Calls `hook` once for each piece of spawned or posted work that panics: on the context, which
    /// [`try_with`](crate::try_with) finds, and before the handle of the work resolves.
    ///
    /// A panic of the hook itself ends there.
    pub fn on_panic(mut self, hook: impl Fn(&WorkPanic<'_>) + Send + Sync + 'static) -> Self {
        self.settings.on_panic = Some(Box::new(hook));
        self
    }

    /// Calls `hook` around each turn, within those given before.
    pub fn around_turn(mut self, hook: impl TurnHook<S>) -> Self {
        self.hooks.push(Box::new(hook));
        self
    }

    /// Sets `local` to `value` of the state for each turn, and puts back what the thread had.
    ///
    /// What the work sets there by itself is gone with the turn.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use request_context::RequestContext;
    ///
    /// thread_local!(static LOCALE: Cell<&'static str> = const { Cell::new("en") });
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::builder()
    ///     .mirror(&LOCALE, |locale| *locale)
    ///     .build("ar-EG")
    ///     .unwrap();
    /// assert_eq!(context.run(async { LOCALE.get() }).await, "ar-EG");
    /// assert_eq!(LOCALE.get(), "en");
    /// # }
    /// ```
    pub fn mirror<T: 'static>(
        self,
        local: &'static LocalKey<Cell<T>>,
        value: impl Fn(&S) -> T + Send + Sync + 'static,
    ) -> Self {
        self.around_turn(Mirror { local, value })
    }

    /// A context with this state, whose work runs one at a time: as [`RequestContext::new`] makes it.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense, or there is no runtime: see [`BuildError`].
    pub fn build(self, state: S) -> Result<RequestContext<S>, BuildError>
    where
        S: Send,
    {
        let (runtime, origin) = self.origin()?;
        let runtime = runtime.ok_or(BuildError::NoRuntime)?;
        Ok(RequestContext::of(Inner::serial(state, runtime, origin)))
    }

    /// A context with this state, whose work runs in parallel: as [`RequestContext::concurrent`] makes
    /// it.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense, or there is no runtime: see [`BuildError`].
    pub fn build_concurrent(self, state: S) -> Result<RequestContext<S>, BuildError>
    where
        S: Send + Sync,
    {
        if self.budget.is_some() {
            return Err(BuildError::BudgetWithoutTurns);
        }
        let (runtime, origin) = self.origin()?;
        let runtime = runtime.ok_or(BuildError::NoRuntime)?;
        Ok(RequestContext::of(Inner::concurrent(
            state, runtime, origin,
        )))
    }

    /// A context on a thread of its own, with the state that `make` returns there: as
    /// [`ContextThread::new`](crate::ContextThread::new) makes it.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense: see [`BuildError`].
    ///
    /// # Panics
    ///
    /// As [`ContextThread::new`](crate::ContextThread::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use request_context::ContextThread;
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let window = ContextThread::builder().name("window").build_thread(|| Rc::new(41)).unwrap();
    /// let named = window.scheduler().post(|_| std::thread::current().name().map(String::from));
    /// assert_eq!(named.await.unwrap().as_deref(), Some("window"));
    /// # }
    /// ```
    #[track_caller]
    pub fn build_thread(
        self,
        make: impl FnOnce() -> S + Send + 'static,
    ) -> Result<ContextThread<S>, BuildError> {
        let (pool, origin) = self.origin()?;
        Ok(ContextThread::start(make, pool, origin))
    }

    /// A context of this thread, which runs an event loop that `dispatch` leads to: as
    /// [`ContextThread::on_loop`](crate::ContextThread::on_loop) makes it.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense: see [`BuildError`].
    pub fn build_on_loop(
        self,
        dispatch: impl Dispatch,
        state: S,
    ) -> Result<ContextThread<S>, BuildError> {
        let (pool, origin) = self.origin()?;
        Ok(ContextThread::join_loop(dispatch, state, pool, origin))
    }

    /// The runtime, if there is one.
    fn origin(mut self) -> Result<(Option<Handle>, Origin), BuildError> {
        if let Some(turns) = self.budget {
            self.settings.budget = Some(NonZeroUsize::new(turns).ok_or(BuildError::ZeroBudget)?);
        }
        if !self.hooks.is_empty() {
            self.settings.around_turn = Some(Box::new(TurnHooks(self.hooks)));
        }
        let origin = Origin {
            settings: Some(Arc::new(self.settings)),
            cancelled_by: self.parent,
            parent: None,
        };
        let runtime = self.runtime.or_else(|| Handle::try_current().ok());
        Ok((runtime, origin))
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.settings.name)
            .field("budget", &self.budget)
            .field("hooks", &self.hooks.len())
            .finish_non_exhaustive()
    }
}

/// Why a [`Builder`] made no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no current tokio runtime, and none was given.
    NoRuntime,
    /// A budget of no turns: nothing would ever run.
    ZeroBudget,
    /// A budget of turns for a concurrent context, which has none.
    BudgetWithoutTurns,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BuildError::NoRuntime => {
                "a request context needs a tokio runtime to run what is spawned on it: build it inside \
                 one, or give it one with `.runtime(handle)`"
            }
            BuildError::ZeroBudget => {
                "a request context with a budget of 0 turns would never run what is spawned on it"
            }
            BuildError::BudgetWithoutTurns => {
                "a concurrent request context has no turns, and so no budget of them: leave `.budget(..)` \
                 out"
            }
        })
    }
}

impl Error for BuildError {}
