"""PostgreSQL, MySQL, MariaDB and SQLite, through SQLAlchemy."""
