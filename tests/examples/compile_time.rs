//! How long a crate of 1,000 annotated fns takes to build, beside plain ones and those of `tracing`:
//! `cargo run -p request-context-tests --example compile_time`.
//!
//! Each crate is built as `cargo build` builds it, from nothing but its built dependencies; five rounds, in which
//! the crates take turns. Offline, with the versions of the workspace's lock file.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const CHAINS: usize = 100;
const FNS_PER_CHAIN: usize = 10;

fn main() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = workspace.join("target/compile_time");
    let kinds = [&PLAIN, &ANNOTATED, &DETACHED, &INSTRUMENTED];
    let packages = kinds.map(|kind| Package::write(kind, &folder, &workspace));

    // Builds the dependencies of all.
    packages.iter().for_each(Package::build);
    let mut times = kinds.map(|_| Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for (package, times) in packages.iter().zip(&mut times) {
            package.clean();
            times.push(Time::of(|| package.build()));
        }
    }

    println!("{} fns, median of {ROUNDS}", CHAINS * FNS_PER_CHAIN);
    println!("{:24} {:>8} {:>8} {:>8} {:>8}", "", "wall", "", "cpu", "");
    let times = times.map(|times| Time::median(&times));
    for (kind, time) in kinds.into_iter().zip(&times) {
        let of_plain = |time: fn(&Time) -> Duration, mine: &Time| {
            time(mine).as_secs_f64() / time(&times[0]).as_secs_f64()
        };
        println!(
            "{:24} {:>7.2}s {:>8.2} {:>7.2}s {:>8.2}",
            kind.title,
            time.wall.as_secs_f64(),
            of_plain(|time| time.wall, time),
            time.cpu.as_secs_f64(),
            of_plain(|time| time.cpu, time),
        );
    }
}

/// What makes the fns of one crate differ from those of another.
struct Kind {
    name: &'static str,
    title: &'static str,
    attribute: &'static str,
    imports: &'static str,
    /// How a body reaches the state.
    state: &'static str,
    /// How `main` runs the outermost fn.
    run: &'static str,
}

const PLAIN: Kind = Kind {
    name: "plain",
    title: "plain",
    attribute: "",
    imports: "",
    state: "crate::APP",
    run: "all().await",
};

const ANNOTATED: Kind = Kind {
    name: "annotated",
    title: "#[context_async(App)]",
    attribute: "#[context_async(App)]",
    imports: "#[allow(unused_imports)] use request_context::{context, context_async};",
    state: "context!()",
    run: "request_context::RequestContext::new(App { limit: 3 }).run(all()).await",
};

const DETACHED: Kind = Kind {
    name: "detached",
    title: "#[detached]",
    attribute: "#[detached]",
    imports: "use request_context::detached;",
    ..PLAIN
};

const INSTRUMENTED: Kind = Kind {
    name: "instrumented",
    title: "#[tracing::instrument]",
    attribute: "#[tracing::instrument]",
    ..PLAIN
};

impl Kind {
    /// Chains of fns, of which each calls the one before it, awaits a plain future, and in every other one
    /// looks at the state.
    fn source(&self) -> String {
        let Kind {
            attribute,
            imports,
            state,
            run,
            ..
        } = self;
        let mut source = String::from(HEAD);
        for chain in 0..CHAINS {
            _ = writeln!(source, "mod chain_{chain} {{\nuse crate::*;\n{imports}");
            for index in 0..FNS_PER_CHAIN {
                let call = match index {
                    0 => "id".to_owned(),
                    _ => format!("load_{}(id + 1, name).await?", index - 1),
                };
                let looked = match index % 2 {
                    0 => format!("{state}.limit"),
                    _ => "2".to_owned(),
                };
                _ = writeln!(
                    source,
                    "{attribute}
                    pub async fn load_{index}(id: u64, name: &str) -> Result<u64, Refused> {{
                        let rows = rows(id).await;
                        let found = {call};
                        if rows.len() > name.len() {{
                            return Err(Refused);
                        }}
                        let mut total = found;
                        for row in rows {{
                            total += row * {looked};
                        }}
                        Ok(total)
                    }}"
                );
            }
            source += "}\n";
        }
        _ = writeln!(source, "{imports}");
        _ = writeln!(
            source,
            "{attribute} async fn all() -> Result<u64, Refused> {{ let mut total = 0;"
        );
        for chain in 0..CHAINS {
            let last = FNS_PER_CHAIN - 1;
            _ = writeln!(
                source,
                "total += chain_{chain}::load_{last}(total, \"ada\").await?;"
            );
        }
        _ = writeln!(source, "Ok(total) }}");
        _ = writeln!(
            source,
            "#[tokio::main] async fn main() {{ println!(\"{{:?}}\", {run}); }}"
        );
        source
    }
}

const HEAD: &str = "
    #[derive(Debug)]
    pub struct Refused;
    pub struct App { pub limit: u64 }
    pub static APP: App = App { limit: 3 };
    pub async fn rows(id: u64) -> Vec<u64> {
        tokio::task::yield_now().await;
        vec![id]
    }
";

struct Package {
    name: &'static str,
    manifest: PathBuf,
    target: PathBuf,
}

impl Package {
    fn write(kind: &Kind, folder: &Path, workspace: &Path) -> Self {
        let package = folder.join(kind.name);
        let manifest = package.join("Cargo.toml");
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("src/main.rs"), kind.source()).unwrap();
        fs::write(
            &manifest,
            format!(
                "[package]\n\
                 name = \"{}\"\n\
                 edition = \"2024\"\n\
                 [workspace]\n\
                 [dependencies]\n\
                 request-context.path = {:?}\n\
                 tokio = {{ version = \"*\", features = [\"full\"] }}\n\
                 tracing = {{ version = \"*\", features = [\"attributes\"] }}\n",
                kind.name,
                workspace.join("runtime"),
            ),
        )
        .unwrap();
        fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
        Package {
            name: kind.name,
            manifest,
            target: folder.join("target"),
        }
    }

    fn build(&self) {
        self.cargo(&["build", "--quiet"]);
    }

    fn clean(&self) {
        self.cargo(&["clean", "--quiet", "--package", self.name]);
    }

    fn cargo(&self, args: &[&str]) {
        let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(args)
            .args(["--offline", "--manifest-path"])
            .arg(&self.manifest)
            .env("CARGO_TARGET_DIR", &self.target)
            .status()
            .unwrap();
        assert!(status.success(), "cargo {args:?} of `{}`", self.name);
    }
}

#[derive(Clone, Copy)]
struct Time {
    wall: Duration,
    /// User and system, of all processes of the build. Zero but on Linux.
    cpu: Duration,
}

impl Time {
    fn of(work: impl FnOnce()) -> Self {
        let (start, before) = (Instant::now(), cpu_of_children());
        work();
        Time {
            wall: start.elapsed(),
            cpu: cpu_of_children() - before,
        }
    }

    fn median(times: &[Time]) -> Self {
        let middle = |of: fn(&Time) -> Duration| {
            let mut sorted: Vec<_> = times.iter().map(of).collect();
            sorted.sort();
            sorted[sorted.len() / 2]
        };
        Time {
            wall: middle(|time| time.wall),
            cpu: middle(|time| time.cpu),
        }
    }
}

/// Of the children that have ended, and of theirs.
fn cpu_of_children() -> Duration {
    /// What `/proc` counts in.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let children = after_name.split(' ').skip(13).take(2);
    let ticks: u32 = children.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}
