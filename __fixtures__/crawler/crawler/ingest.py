"""Read category listings and store their articles.

    python -m crawler.ingest --site thanhnien \
        --category-url https://thanhnien.vn/thoi-su.htm --max-pages 3

``--source-file`` takes a saved HTML or JSON listing instead of the network.
"""
import argparse
import json
import os
import sys
import time
from html.parser import HTMLParser
from urllib.parse import urljoin

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from crawler import config
from crawler.tasks import download_assets, fetch_bytes
from models import Article, Asset, create_tables


class ListingParser(HTMLParser):
    """Collect ``<article>`` blocks: link, title and images."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.articles = []
        self._current = None
        self._in_link = False

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "article":
            self._current = {"url": None, "title": "", "assets": []}
        elif self._current is None:
            return
        elif tag == "a" and attrs.get("href") and not self._current["url"]:
            self._current["url"] = urljoin(self.base, attrs["href"])
            self._in_link = True
        elif tag == "img" and attrs.get("src"):
            self._current["assets"].append(urljoin(self.base, attrs["src"]))

    def handle_data(self, data):
        if self._in_link:
            self._current["title"] += data

    def handle_endtag(self, tag):
        if tag == "a":
            self._in_link = False
        elif tag == "article" and self._current:
            if self._current["url"]:
                self._current["title"] = " ".join(self._current["title"].split())
                self.articles.append(self._current)
            self._current = None


def parse_listing(text, base):
    if text.lstrip().startswith(("[", "{")):
        data = json.loads(text)
        return data["articles"] if isinstance(data, dict) else data
    parser = ListingParser(base)
    parser.feed(text)
    return parser.articles


def read_pages(args):
    """Yield the articles of each requested listing page."""
    if args.source_file:
        base = os.path.dirname(os.path.abspath(args.source_file)) + "/"
        yield parse_listing(fetch_bytes(args.source_file).decode("utf-8"), base)
        return
    for category_url in args.category_url:
        for page in range(1, args.max_pages + 1):
            url = category_url if page == 1 else f"{category_url}?page={page}"
            articles = parse_listing(fetch_bytes(url).decode("utf-8"), url)
            if not articles:
                break
            yield articles
            time.sleep(args.request_delay)


def store_article(session, site, item):
    """Insert or update one article; return (article, is_new)."""
    article = session.query(Article).filter_by(url=item["url"]).one_or_none()
    is_new = article is None
    if is_new:
        article = Article(site=site, url=item["url"])
        session.add(article)
    article.title = item["title"]
    known = {asset.url for asset in article.assets}
    for url in item.get("assets", []):
        if url not in known:
            article.assets.append(Asset(url=url))
            known.add(url)
    session.flush()
    return article, is_new


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m crawler.ingest")
    parser.add_argument("--site", required=True)
    parser.add_argument("--category-url", action="append", default=[])
    parser.add_argument("--source-file", help="saved listing (HTML or JSON)")
    parser.add_argument(
        "--db-url",
        help="for example postgresql://crawl_user:crawl_password@postgres:5432/crawl_db"
        " (default: CRAWLER_DATABASE_URL, then DATABASE_URL)",
    )
    parser.add_argument("--assets-dir", default="data/assets")
    parser.add_argument("--max-pages", type=int, default=1)
    parser.add_argument("--request-delay", type=float, default=0.5)
    parser.add_argument("--enqueue", action="store_true", help="download assets too")
    return parser


def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if not args.source_file and not args.category_url:
        parser.error("give --category-url or --source-file")

    engine = create_engine(
        args.db_url or config.database_url(), **config.engine_options()
    )
    create_tables(engine)

    stored = new = 0
    article_ids = []
    for articles in read_pages(args):
        with Session(engine) as session:
            for item in articles:
                article, is_new = store_article(session, args.site, item)
                article_ids.append(article.id)
                stored += 1
                new += is_new
            session.commit()
    if args.enqueue:
        for article_id in article_ids:
            download_assets.delay(article_id, args.assets_dir, db_url=args.db_url)

    print(f"{args.site}: {stored} articles stored, {new} new")
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
