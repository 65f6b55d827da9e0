//! What pipelines ask of data sets.

use std::path::Path;

use async_trait::async_trait;
use pitcrew_contracts::data::{DatasetSnapshot, Datasets};
use pitcrew_contracts::names::{DatasetName, DatasetRef};
use pitcrew_kernel::{Access, Ctx, Result};

use crate::service::{Data, newest};

#[async_trait]
impl Datasets for Data {
    async fn refresh(&self, ctx: &Ctx, dataset: &DatasetName) -> Result<DatasetSnapshot> {
        let version = Data::refresh(self, ctx, dataset, false).await?.version;
        Ok(DatasetSnapshot { version: version.reference, digest: version.digest, rows: version.rows })
    }

    async fn latest(&self, ctx: &Ctx, dataset: &DatasetName) -> Result<DatasetSnapshot> {
        ctx.require(Access::Read)?;
        let name = dataset.clone();
        let (version, digest, rows) = self.db.read(move |tx| newest(tx, &name)).await?;
        Ok(DatasetSnapshot { version: DatasetRef { dataset: dataset.clone(), version }, digest, rows })
    }

    async fn materialize(&self, ctx: &Ctx, version: &DatasetRef, folder: &Path) -> Result<()> {
        self.export(ctx, version, folder).await.map(|_| ())
    }
}
