"""Smoke test: create the tables, then insert, read and delete one article.

Run it from the host while the stack is up:

    python test_models.py
"""
import os
import sys
import uuid

from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

from models import Article, Asset, create_tables

DATABASE_URL = os.getenv(
    "DATABASE_URL", "postgresql://crawl_user:crawl_password@localhost:5433/crawl_db"
)

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(bind=engine)


def check_connection():
    with engine.connect() as connection:
        database, user = connection.execute(
            text("SELECT current_database(), current_user")
        ).one()
    print(f"connected to {database} as {user}")


def check_tables():
    create_tables(engine)
    print("tables created")


def insert_article(url):
    with SessionLocal() as session:
        article = Article(site="smoke", url=url, title="Smoke test")
        article.assets.append(Asset(url=url + "/cover.jpg"))
        session.add(article)
        session.commit()
        return article.id


def read_article(article_id, url):
    with SessionLocal() as session:
        article = session.get(Article, article_id)
        assert article.url == url, article.url
        assert [asset.url for asset in article.assets] == [url + "/cover.jpg"]
    print(f"article {article_id} read back")


def delete_article(article_id):
    with SessionLocal() as session:
        session.delete(session.get(Article, article_id))
        session.commit()
        assert session.get(Article, article_id) is None
        left = session.query(Asset).filter_by(article_id=article_id).count()
        assert left == 0, left
    print(f"article {article_id} deleted")


def main():
    url = f"https://example.com/smoke/{uuid.uuid4()}"
    check_connection()
    check_tables()
    article_id = insert_article(url)
    read_article(article_id, url)
    delete_article(article_id)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
