-- Conventions that the database itself can state. Each test lists the offenders.
begin;
select plan(9);

create temp view engine_function as
select f.oid, f.proname as name, n.nspname = 'public' as public, f.oid::regprocedure::text as signature,
    f.proconfig, f.prokind, f.prosecdef,
    (select array_agg(a.name) from unnest(f.proargnames, f.proargmodes) as a (name, mode)
        where coalesce(a.mode, 'i') in ('i', 'b', 'v')) as arguments,
    f.pronargs
from pg_proc as f
join pg_namespace as n on n.oid = f.pronamespace
where n.nspname in ('public', 'gendurable')
    and not exists (select from pg_depend as d where d.objid = f.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e');

create temp view engine_relation as
select r.oid, r.relname as name, n.nspname = 'public' as public, r.relkind
from pg_class as r
join pg_namespace as n on n.oid = r.relnamespace
where n.nspname in ('public', 'gendurable') and r.relkind in ('r', 'p', 'v', 'm')
    and not exists (select from pg_depend as d where d.objid = r.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e');

select is_empty($$ select signature from engine_function where public and name not like 'gd\_%' $$,
    'every function in public is named gd_*');
select is_empty($$ select signature from engine_function where not public and name not like '\_%' $$,
    'every function in gendurable is named _*');
select is_empty($$ select name from engine_relation where public and (name not like 'gd\_%' or relkind not in ('v', 'm')) $$,
    'public holds only views named gd_*, no table');

-- A caller's search_path must never decide which object a function meets; pg_temp last, or it is searched first.
select is_empty($$
    select signature, proconfig from engine_function
    where not exists (select from unnest(proconfig) as c where c = 'search_path=pg_catalog, pg_temp')
        -- plain SQL helpers without a setting can be inlined; with one they never are
        and (public or prosecdef or exists (
            select from pg_proc as p join pg_language as l on l.oid = p.prolang
            where p.oid = engine_function.oid and l.lanname <> 'sql'))
$$, 'every function pins search_path to pg_catalog, pg_temp');

select is_empty($$ select signature from engine_function where obj_description(oid, 'pg_proc') is null $$,
    'every function has a comment');
select is_empty($$
    select signature, arguments from engine_function
    where public and pronargs > 0 and (cardinality(arguments) is distinct from pronargs
        or exists (select from unnest(arguments) as a where a = '' or a ~ '^(p|v|_|in|out)_'))
$$, 'arguments of public functions are named, without a prefix');
select is_empty($$
    select signature, arguments from engine_function
    where not public and pronargs > 0 and (cardinality(arguments) is distinct from pronargs
        or exists (select from unnest(arguments) as a where a not like 'p\_%'))
$$, 'arguments of private functions are named p_*');

-- Partitions are made at run time from their parent.
select is_empty($$
    select r.name from engine_relation as r
    where obj_description(r.oid, 'pg_class') is null
        and not exists (select from pg_inherits as i where i.inhrelid = r.oid)
$$, 'every table and view has a comment');
select is_empty($$
    select t.typname from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
    where n.nspname = 'gendurable' and t.typtype in ('e', 'c', 'd')
        and obj_description(t.oid, 'pg_type') is null
        and not exists (select from pg_class as r where r.oid = t.typrelid and r.relkind <> 'c')
$$, 'every type has a comment');

select * from finish();
rollback;
