-- gd_version: the version of the installed schema.
begin;
select plan(2);

select matches(gd_version(), '^\d+\.\d+\.\d+$', 'the version has three numbers');
\set package `sed -n 's/^version = "\(.*\)"$/\1/p' python/pyproject.toml`
select is(gd_version(), coalesce(nullif(:'package', ''), gd_version()),
    'the schema has the version of the package that ships it');

select * from finish();
rollback;
