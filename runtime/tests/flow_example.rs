//! The `flow` example, as a user runs it.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

fn flow() -> Command {
    // `target/debug/deps/flow_example-…` is this test; cargo has built the example beside it.
    let mut path: PathBuf = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("flow{}", env::consts::EXE_SUFFIX));
    Command::new(path)
}

fn run(args: &[&str]) -> Output {
    flow().args(args).output().unwrap()
}

/// A served example, ended with the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut process = flow()
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .unwrap()
            .to_owned();
        Server { process, address }
    }

    /// The status line's code, and the body.
    fn get(&self, path: &str, headers: &[&str]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n",
            self.address
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_table_is_that_of_the_seed() {
    let output = run(&["--table"]);
    assert!(output.status.success());
    let table = String::from_utf8(output.stdout).unwrap();
    let (rows, last) = table.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(
        rows,
        "configureAwait  tsFromSyncContext  P1  P2  P3  P4  P5\n\
         true            false              ok  ok  ok  -   ok\n\
         true            true               ok  ok  ok  ok  ok\n\
         false           false              ok  ok  -   -   -"
    );
    let error = last
        .strip_prefix("false           true               ok  ok  -   error: ")
        .unwrap();
    assert!(error.starts_with("there is no request context here: it was detached at "));
    assert!(error.contains("probes.rs:"), "{error}");
}

#[test]
fn blocking_on_ones_own_context_is_an_error_and_the_others_complete() {
    let output = run(&["--blocking"]);
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let [on, off, own] = lines.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(on.ends_with("3 completed"), "{on}");
    assert!(off.ends_with("3 completed"), "{off}");
    assert!(own.contains("would deadlock"), "{own}");
}

#[test]
fn sd_32_what_a_library_s_closure_posts_sees_the_context_and_the_closure_does_not() {
    let output = run(&["--wrapper"]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "configureAwait        true    false\n\
         controller, before    ada     ada\n\
         closure on the pool   -       -\n\
         callback it posted    ada     ada\n\
         controller, after     ada     -\n"
    );
}

#[test]
fn each_request_sees_its_own_user_in_text_and_json() {
    let server = Server::start();
    let path = "/index?configureAwait=true&tsFromSyncContext=false";

    let (code, text) = server.get(path, &["x-user: ada"]);
    assert_eq!(code, 200);
    let sees_ada: Vec<_> = text.lines().map(|line| line.contains("user=ada")).collect();
    assert_eq!(sees_ada, [true, true, true, false, true], "{text}");

    let (code, json) = server.get(path, &["x-user: bob", "accept: application/json"]);
    assert_eq!(code, 200);
    let probes: serde_json::Value = serde_json::from_str(&json).unwrap();
    let users: Vec<_> = (0..5).map(|i| probes[i]["user"].as_str()).collect();
    assert_eq!(
        users,
        [Some("bob"), Some("bob"), Some("bob"), None, Some("bob")]
    );
    assert_eq!(probes[3]["scheduler"], "pool");
}

#[test]
fn a_scheduler_from_nowhere_is_an_error_in_the_answer() {
    let server = Server::start();
    let (code, text) = server.get("/index?configureAwait=false&tsFromSyncContext=true", &[]);
    assert_eq!(code, 200);
    assert!(
        text.contains("P4  error: there is no request context here"),
        "{text}"
    );
    assert!(text.ends_with("P5  -\n"), "{text}");
}

#[test]
fn a_malformed_query_says_what_is_expected() {
    let server = Server::start();
    let (code, text) = server.get("/index?configureAwait=maybe", &[]);
    assert_eq!(code, 400);
    assert!(text.contains("configureAwait=<true|false>"), "{text}");
}

#[test]
fn a_busy_port_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        error.trim_end(),
        format!("error: port {port} of 127.0.0.1 is in use; choose another with --port")
    );
}
