"""Tables of the crawler."""
from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, Text, func
from sqlalchemy.orm import declarative_base, relationship

Base = declarative_base()


class Article(Base):
    __tablename__ = "articles"

    id = Column(Integer, primary_key=True)
    site = Column(String(50), nullable=False, index=True)
    url = Column(Text, nullable=False, unique=True)
    title = Column(Text, nullable=False, default="")
    created_at = Column(DateTime(timezone=True), server_default=func.now())

    assets = relationship(
        "Asset", back_populates="article", cascade="all, delete-orphan"
    )


class Asset(Base):
    __tablename__ = "assets"

    id = Column(Integer, primary_key=True)
    article_id = Column(ForeignKey("articles.id", ondelete="CASCADE"), nullable=False)
    url = Column(Text, nullable=False)
    path = Column(Text)
    sha256 = Column(String(64))

    article = relationship("Article", back_populates="assets")


def create_tables(engine):
    Base.metadata.create_all(engine)
