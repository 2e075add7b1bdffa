"""Celery tasks: download the assets of an article, report on a site."""
import hashlib
import os
import urllib.request

from sqlalchemy import create_engine, func
from sqlalchemy.orm import Session

from crawler import config
from crawler.celery_app import app
from models import Article, Asset

# One engine per URL and worker process.
_engines = {}


def get_engine(db_url=None):
    url = db_url or config.database_url()
    if url not in _engines:
        _engines[url] = create_engine(url, **config.engine_options())
    return _engines[url]


def fetch_bytes(location):
    """Read an http(s) URL or a local path."""
    if location.startswith(("http://", "https://")):
        request = urllib.request.Request(
            location, headers={"User-Agent": config.USER_AGENT}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()
    with open(location, "rb") as handle:
        return handle.read()


@app.task(bind=True, name="crawler.download_assets", max_retries=3)
def download_assets(self, article_id, assets_dir, db_url=None):
    """Save the pending assets of one article; return how many were saved."""
    saved = 0
    with Session(get_engine(db_url)) as session:
        pending = (
            session.query(Asset)
            .filter(Asset.article_id == article_id, Asset.path.is_(None))
            .with_for_update(skip_locked=True)
            .all()
        )
        for asset in pending:
            try:
                content = fetch_bytes(asset.url)
            except OSError as error:
                session.rollback()
                raise self.retry(exc=error, countdown=30)
            digest = hashlib.sha256(content).hexdigest()
            os.makedirs(assets_dir, exist_ok=True)
            path = os.path.join(assets_dir, digest + os.path.splitext(asset.url)[1])
            with open(path, "wb") as handle:
                handle.write(content)
            asset.path, asset.sha256 = path, digest
            saved += 1
        session.commit()
    return {"article_id": article_id, "saved": saved}


@app.task(name="crawler.site_report")
def site_report(site, db_url=None):
    """Count the stored articles and assets of a site."""
    with Session(get_engine(db_url)) as session:
        articles = session.query(func.count(Article.id)).filter(Article.site == site)
        assets = (
            session.query(func.count(Asset.id)).join(Article).filter(Article.site == site)
        )
        return {
            "site": site,
            "articles": articles.scalar(),
            "assets": assets.scalar(),
        }
