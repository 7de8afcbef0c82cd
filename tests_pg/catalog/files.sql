-- Conventions of the source files. Each test lists the offenders. Run from the top of the repository.
begin;
select plan(16);

create temp table line (path text, number int, text text);
\copy line from program 'find sql tests_pg/functions -name "*.sql" -exec awk ''{ gsub(/\t/, " "); print FILENAME "\t" FNR "\t" $0 }'' {} +' with (format csv, delimiter e'\t', quote e'\x01', force_not_null (text))

create temp table function_file as
select distinct l.path, substring(l.path from '([^/]+)\.sql$') as name
from line as l where l.path like 'sql/functions/%';

-- What PostgreSQL sees of it. The router is another database, whose functions are families of one-liners.
create temp table code as
select l.path, l.number, regexp_replace(l.text, '--.*', '') as text from line as l
    where l.path like 'sql/%' and l.path not like 'sql/router/%';

create temp table body as
select c.path, string_agg(c.text, e'\n' order by c.number) as text,
    min(c.number) filter (where c.text <> '') as first_line
from code as c group by c.path;

create temp table header as
select l.path, l.number, l.text
from line as l join body as b on b.path = l.path and l.number < b.first_line
where l.path like 'sql/functions/%';

-- A field starts a line of the header, or a sentence in it.
create temp table header_field as
select h.path, m.field[1] as field, h.text ~ ('^-- ' || m.field[1]) as at_start
from header as h
cross join lateral regexp_matches(h.text, '(?:^-- |\. )([A-Z][a-z]+): ', 'g') as m (field);

create temp table defined as
select distinct f.proname::text as name from pg_proc as f join pg_namespace as n on n.oid = f.pronamespace
where n.nspname = 'gendurable'
    or n.nspname = 'public' and not exists (select from pg_depend as d where d.objid = f.oid and d.deptype = 'e');

select is_empty($$
    select d.name from defined as d where d.name not in (select f.name from function_file as f)
$$, 'every function has the file sql/functions/<room>/<its name>.sql');
select is_empty($$
    select f.path from function_file as f where f.name not in (select d.name from defined as d)
$$, 'every file in sql/functions defines the function it is named after');
select is_empty($$
    select c.path, c.number, m.name
    from code as c
    cross join lateral (select (regexp_match(c.text, 'create (?:or replace )?function (?:public|gendurable)\.(\w+)'))[1]
        as name) as m
    where m.name is not null and c.path !~ format('^sql/functions/\w+/%s\.sql$', m.name)
$$, 'a file in sql/functions defines nothing else');
create temp table interface as
select d.name from defined as d
union
select v.viewname::text from pg_views as v where v.schemaname = 'public' and v.viewname like 'gd\_%';

create temp table twin as
select distinct substring(l.path from '([^/]+)\.sql$') as name from line as l where l.path like 'tests_pg/functions/%';

select is_empty($$ select i.name from interface as i where i.name not in (select t.name from twin as t) $$,
    'every function and view has the test tests_pg/functions/<room>/<its name>.sql');
select is_empty($$ select t.name from twin as t where t.name not in (select i.name from interface as i) $$,
    'every test in tests_pg/functions belongs to a function or view');

select is_empty($$
    select f.path from function_file as f
    where not exists (select from line as l where l.path = 'tests_pg/' || substring(f.path from 'functions/.*'))
$$, 'the test of a function stands in the room of the same name');
create temp table room as
select distinct substring(l.path from '^sql/functions/(\w+)/') as name from line as l
    where l.path like 'sql/functions/%';
select is_empty($$
    select r.name from room as r
    where r.name is null or (select count(*) from line as l
        where l.path = 'sql/functions.sql' and l.text ~ format('^-- %s: \S', r.name)) <> 1
$$, 'every file in sql/functions is in a room, which the table of contents introduces once');
select is_empty($$
    select l.number, l.text
    from (select x.*, max(substring(x.text from '^-- (\w+): ')) over (partition by x.heading) as room
          from (select y.*, count(*) filter (where y.text ~ '^-- \w+: ') over (order by y.number) as heading
                from line as y where y.path = 'sql/functions.sql') as x) as l
    where l.text like '\\ir%' and l.text not like format('\\ir functions/%s/%%', l.room)
$$, 'the table of contents lists each function under its room');

-- The Python installer knows this one command.
select is_empty($$ select c.path, c.number, c.text from code as c
    where c.text ~ '^\s*\\' and not (c.path in ('sql/install.sql', 'sql/functions.sql', 'sql/upgrade.sql'))
        or c.text ~ '\\(g|gset|gexec|if|set|i|echo)\M' $$,
    'no psql meta-command but \ir, and that only in a manifest');
select is_empty($$ select c.path, c.number, c.text from code as c
    where c.path in ('sql/install.sql', 'sql/functions.sql', 'sql/upgrade.sql')
        and c.text !~ '^(\\ir [\w./]+\.sql)?\s*$' $$,
    'a manifest holds only \ir lines');
select is_empty($$
    select f.path from function_file as f
    where not exists (
        select from code as c
        where c.path in ('sql/install.sql', 'sql/functions.sql') and c.text ~ format('functions/\w+/%s\.sql', f.name))
$$, 'every file in sql/functions is in the manifest');

select is_empty($$ select c.path, c.number, c.text from code as c where c.text ~* '\mwhen\s+others\M' $$,
    'no "when others": a handler names what it expects');

-- Purpose first, then at most four fields; who locks, writes or raises says so.
select is_empty($$
    select l.path, l.number, l.text from line as l
    where l.path like 'sql/%' and l.number = 1 and l.text !~ '^-- \S'
$$, 'every file in sql begins with its purpose');
select is_empty($$
    select f.path, h.field as unknown, null as missing from function_file as f join header_field as h using (path)
    where h.at_start and h.field not in ('Locks', 'Writes', 'Plan', 'Errors')
    union all
    select f.path, null, need.field
    from function_file as f
    join body as b using (path)
    join (values
        ('Writes', '\m(insert into|update|delete from) (only )?gendurable\.'),
        ('Locks', '\mfor (no key )?update\M|\mfor (key )?share\M|\mpg_(try_)?advisory|\m(insert into|update|delete '
            'from) (only )?gendurable\.'),
        ('Errors', '\mraise exception\M|gendurable\._refuse\(')
    ) as need (field, pattern) on b.text ~* need.pattern
    where not exists (select from header_field as h where h.path = f.path and h.field = need.field)
        and not (need.field = 'Locks' and exists (
            select from header as l where l.path = f.path and l.text ~ '\mcaller holds\M'))
    order by 1
$$, 'headers use the known fields, and name what the body locks, writes and raises');
select is_empty($$ select l.path, l.number from line as l where l.path like 'sql/%' and length(l.text) > 100 $$,
    'no line of the schema has more than 100 columns');
-- A client sends the schema, comments included, through the encoding of the database.
select is_empty($$ select l.path, l.number from line as l where l.path like 'sql/%' and l.text ~ '[^\x01-\x7f]' $$,
    'the schema is ASCII, so that it can be installed into a database of any encoding');

select * from finish();
rollback;
