//! Settings of a site: values by keys such as `samba:realm`, which the host pushes there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::validation::{Check, For, ITEMS_LIMIT, NAME_LIMIT, REQUIRED};

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = site_setting)]
pub struct SiteSetting {
    pub id: i64,
    pub key: String,
    #[schema(value_type = Object)]
    pub value: Value,
    /// What it is for.
    pub desc: String,
}

/// One by one, or by key when the answer is asked for flat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = site_settings)]
pub(crate) enum SiteSettings {
    List(Vec<SiteSetting>),
    #[schema(value_type = BTreeMap<String, Object>)]
    Flat(BTreeMap<String, Value>),
}

impl SiteSettings {
    pub(crate) fn of(settings: Vec<SiteSetting>, flat: bool) -> Self {
        if flat { Self::Flat(settings.into_iter().map(|one| (one.key, one.value)).collect()) } else { Self::List(settings) }
    }
}

/// A value of null removes the setting.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[schema(as = setting_change)]
pub struct SettingChange {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub value: Value,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = setting_changes)]
pub(crate) struct SettingChanges {
    values: Option<Vec<SettingChange>>,
}

impl SettingChanges {
    pub(crate) fn check(self) -> Answer<Vec<SettingChange>> {
        let values = self.values.unwrap_or_default();
        let mut check = Check::new(For::Create);
        if values.is_empty() {
            check.refuse("values", REQUIRED);
        }
        if values.len() > ITEMS_LIMIT {
            check.refuse("values", format!("Ensure this field has no more than {ITEMS_LIMIT} elements."));
        }
        for (index, value) in values.iter().enumerate().take(ITEMS_LIMIT) {
            check.name(&format!("values[{index}].key"), Some(&value.key), NAME_LIMIT);
        }
        check.finish()?;
        Ok(values)
    }
}
