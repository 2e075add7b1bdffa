"""News crawler: listing pages in, articles and assets in Postgres out."""
