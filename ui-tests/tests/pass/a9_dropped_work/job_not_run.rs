#![deny(warnings)]

use std::sync::mpsc::Receiver;

use request_context::Job;

fn turn_of_the_loop(jobs: &Receiver<Job>) {
    jobs.recv().unwrap().run();
}

fn main() {}
