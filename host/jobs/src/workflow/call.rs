//! What a job keeps of the call that made it.

use std::ffi::OsStr;

use capstan_domain::ids::Number;
use capstan_domain::site::SiteSettings;
use capstan_domain::workflow::WorkflowJob;
use capstan_domain::{Failure, Outcome};
use capstan_workflows::{FieldValues, Filters, Workflow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// With the defaults of those that were not given.
    pub(crate) fields: Value,
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) ignore_site_includes: bool,
    pub(crate) ignore_site_excludes: bool,
    /// Where the space's view was: paths of the call are under it, or within the space.
    pub(crate) mountpoint: Option<String>,
    /// Number of the job that this one belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<Number>,
}

impl Call {
    pub(crate) fn of(job: &WorkflowJob) -> Outcome<Self> {
        serde_json::from_value(job.call.clone()).map_err(|cause| Failure::host("the call of the job cannot be read", cause))
    }

    pub(crate) fn mountpoint(&self) -> &str {
        self.mountpoint.as_deref().unwrap_or_default()
    }

    /// With those of the site, as they are now.
    pub(crate) fn filters(&self, site: &SiteSettings) -> Filters {
        Filters {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            site_include: site.include.clone(),
            site_exclude: site.exclude.clone(),
            ignore_site_includes: self.ignore_site_includes,
            ignore_site_excludes: self.ignore_site_excludes,
        }
    }

    /// # Errors
    /// Why the path is none within the space, for whoever gave it.
    pub(crate) fn within_space(&self, path: &str) -> Result<String, String> {
        let within = match path.strip_prefix('/') {
            None => path,
            Some(_) => {
                let below = self.mountpoint.as_deref().and_then(|mountpoint| path.strip_prefix(mountpoint.trim_end_matches('/')));
                let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
                below.ok_or_else(|| format!("{path:?} is not in the space."))?.trim_start_matches('/')
            }
        };
        let within = within.trim_end_matches('/');
        let is_bad = |name: &str| matches!(name, "" | "." | "..") || name.contains('\0');
        if !within.is_empty() && within.split('/').any(is_bad) {
            return Err(format!("{path:?} has \"..\" or an empty name in it."));
        }
        let mut names = within.split('/').map(OsStr::new);
        if names.clone().any(capstan_stub::is_temporary) || names.next().is_some_and(capstan_stub::is_own) {
            return Err(format!("{path:?} is a name that the host keeps for itself."));
        }
        Ok(within.to_owned())
    }

    /// The workflow that the job keeps to, and the values of its fields.
    pub(crate) fn workflow(&self, job: &WorkflowJob) -> Outcome<(Workflow, FieldValues)> {
        let unreadable = |cause| Failure::host("the workflow of the job cannot be read", cause);
        let workflow = Workflow::read(&job.definition).map_err(unreadable)?;
        let values = FieldValues::read(&workflow.fields, &self.fields).map_err(unreadable)?;
        Ok((workflow, values))
    }
}

/// Folders and files to be walked: none twice, and none that lies in another.
pub(crate) fn roots(mut paths: Vec<String>) -> Vec<String> {
    paths.sort_unstable_by(|one, other| one.split('/').cmp(other.split('/')));
    let mut roots: Vec<String> = Vec::new();
    for path in paths {
        if !roots.last().is_some_and(|root| is_within(&path, root)) {
            roots.push(path);
        }
    }
    roots
}

/// Whether a path is a folder itself, or lies in it; empty for the whole tree.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_of_the_space_or_refused() {
        let call = Call { mountpoint: Some("/mnt/s".to_owned()), ..Call::default() };
        for (path, within) in
            [("/mnt/s", ""), ("/mnt/s/", ""), ("/mnt/s/a/b/", "a/b"), ("a", "a"), ("", ""), ("a.. b/..c", "a.. b/..c")]
        {
            assert_eq!(call.within_space(path).as_deref(), Ok(within), "{path:?}");
        }
        for path in
            ["/mnt/s2", "/mnt", "/", "/etc/passwd", "..", "a/../b", "/mnt/s/../x", "a//b", "./a", "a\0b", ".capstan-removed/x"]
        {
            assert!(call.within_space(path).is_err(), "{path:?}");
        }
        assert!(Call::default().within_space("/a").is_err(), "a space without a view has only paths within it");
    }

    #[test]
    fn nothing_is_walked_twice() {
        let roots_of = |paths: &[&str]| roots(paths.iter().map(|&path| path.to_owned()).collect());
        assert_eq!(roots_of(&["b", "a/c", "a", "a-b", "b", "a/c/d"]), ["a", "a-b", "b"]);
        assert_eq!(roots_of(&["x", "", "y"]), [""]);
    }
}
