//! The sources of a published crate, and copies of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::cargo;

/// Has cargo fetch a crate, as a dependency of an empty one, and gives the folder it was unpacked in.
pub(crate) fn fetch(name: &str, version: &str, scratch: &Path) -> PathBuf {
    let folder = scratch.join("fetch").join(name);
    fs::create_dir_all(folder.join("src")).expect("the scratch folder is writable");
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\n{name} = {{ version = \"{version}\", default-features = false }}\n[workspace]\n"
    );
    fs::write(folder.join("src/lib.rs"), "").expect("the scratch folder is writable");
    fs::write(folder.join("Cargo.toml"), manifest).expect("the scratch folder is writable");
    let metadata = cargo::command(
        &folder,
        &scratch.join("target"),
        ["metadata", "--format-version=1"],
    )
    .output()
    .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo knows the crate");
    let packages = metadata["packages"]
        .as_array()
        .expect("metadata lists packages");
    let package = packages
        .iter()
        .find(|package| package["name"] == name)
        .expect("metadata lists the crate");
    let manifest = package["manifest_path"]
        .as_str()
        .expect("a package has a manifest");
    Path::new(manifest)
        .parent()
        .expect("a manifest is in a folder")
        .to_owned()
}

/// Copies a crate, as a workspace of its own, that depends on this repository's `request-context`.
pub(crate) fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("the scratch folder is writable");
    }
    copy_folder(from, to);
    let _ = fs::remove_file(to.join("Cargo.lock"));
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let runtime = runtime.canonicalize().expect("the repository is complete");
    let path = to.join("Cargo.toml");
    let mut manifest = fs::read_to_string(&path).expect("a crate has a manifest");
    manifest.push_str(&format!(
        "\n[dependencies.request-context]\npath = {runtime:?}\n\n[workspace]\n"
    ));
    fs::write(path, manifest).expect("the scratch folder is writable");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the scratch folder is writable");
    for entry in fs::read_dir(from).expect("a folder can be read").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "target" || entry.file_name() == ".git" {
            continue;
        }
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            fs::copy(&source, &target).expect("the scratch folder is writable");
        }
    }
}

/// All sources of the crate itself, relative to `folder`. Its tests are its users, and stay as they are.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.join("src")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(
                    path.strip_prefix(folder)
                        .expect("it is in the folder")
                        .to_owned(),
                );
            }
        }
    }
    files.sort();
    files
}
