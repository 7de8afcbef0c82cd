-- Conventions that the database itself can state. Each test lists the offenders.
begin;
select plan(20);

create temp view engine_function as
select f.oid, f.proname as name, n.nspname = 'public' as public, f.oid::regprocedure::text as signature,
    f.proconfig, f.prokind, f.prosecdef,
    (select array_agg(a.name) from unnest(f.proargnames, f.proargmodes) as a (name, mode)
        where coalesce(a.mode, 'i') in ('i', 'b', 'v')) as arguments,
    f.pronargs
from pg_proc as f
join pg_namespace as n on n.oid = f.pronamespace
where n.nspname in ('public', 'gendurable')
    and not exists (select from pg_depend as d
        where d.objid = f.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e');

create temp view engine_relation as
select r.oid, r.relname as name, n.nspname = 'public' as public, r.relkind
from pg_class as r
join pg_namespace as n on n.oid = r.relnamespace
where n.nspname in ('public', 'gendurable') and r.relkind in ('r', 'p', 'v', 'm')
    and not exists (select from pg_depend as d
        where d.objid = r.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e');

select is_empty($$ select signature from engine_function where public and name not like 'gd\_%' $$,
    'every function in public is named gd_*');
select is_empty($$ select signature from engine_function where not public and name not like '\_%' $$,
    'every function in gendurable is named _*');
select is_empty($$ select name from engine_relation
    where public and (name not like 'gd\_%' or relkind not in ('v', 'm')) $$,
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
    select r.name, a.attname from engine_relation as r join pg_attribute as a on a.attrelid = r.oid
    where r.public and a.attnum > 0 and not a.attisdropped and col_description(r.oid, a.attnum) is null
$$, 'every column of a public view has a comment');
select is_empty($$
    select t.typname from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
    where n.nspname = 'gendurable' and t.typtype in ('e', 'c', 'd')
        and obj_description(t.oid, 'pg_type') is null
        and not exists (select from pg_class as r where r.oid = t.typrelid and r.relkind <> 'c')
$$, 'every type has a comment');

-- The planner profiles; sql/functions.sql says what each is for.
create temp table profile (name text, settings text[]);
insert into profile values
    ('plain', '{}'),
    ('lookup', '{plan_cache_mode=force_generic_plan,enable_seqscan=off,enable_bitmapscan=off,jit=off}'),
    ('fresh', '{plan_cache_mode=force_custom_plan,enable_seqscan=off,enable_bitmapscan=off,jit=off}'),
    ('batch', '{plan_cache_mode=force_generic_plan,enable_seqscan=off,enable_bitmapscan=off,enable_hashjoin=off,'
        'enable_mergejoin=off,jit=off}'),
    ('ordered', '{plan_cache_mode=force_generic_plan,enable_seqscan=off,enable_bitmapscan=off,enable_hashjoin=off,'
        'enable_mergejoin=off,enable_sort=off,jit=off}'),
    ('ranked', '{plan_cache_mode=force_generic_plan,enable_seqscan=off,enable_bitmapscan=off,enable_hashjoin=on,'
        'enable_sort=on,jit=off}');
create temp view planned as
select f.name, f.signature, f.oid, p.name as profile
from engine_function as f
left join profile as p on array(select unnest(p.settings) order by 1)
    = array(select c from unnest(f.proconfig) as c where c !~ '^(search_path|DateStyle)=' order by 1);
select is_empty($$ select p.signature from planned as p where p.profile is null $$,
    'the planner settings of every function are those of a profile');
select is_empty($$ select x.name from profile as x where x.name not in (select p.profile from planned as p) $$,
    'no profile is without a function');
-- What reads or writes rows of instances, or of another table that may be large, must not be planned as if it were
-- small.
select is_empty($$
    select p.signature from planned as p
    join pg_proc as f on f.oid = p.oid
    join pg_language as l on l.oid = f.prolang and l.lanname = 'plpgsql'
    where p.profile = 'plain'
        and regexp_replace(f.prosrc, '--[^\n]*', '',
            'g') ~ '(from|join|update|using) (only '
            ')?gendurable\.(instances|finished|kept|archive|signals|dedup_keys|countdowns|correlation_keys|buckets|'
            'history|history_kept|reports|throughput)\M'
        -- these read a partition, or all buckets, from one end to the other
        and p.name not in ('gd_set_rate_limit', 'gd_drop_rate_limit')
$$, 'what reads or writes instances has a profile');

-- Or a publication of all tables makes the engine's updates and deletes fail. Partitions that are made later have the
-- keys of their parent.
select is_empty($$
    select r.name from engine_relation as r join pg_class as c on c.oid = r.oid
    where r.relkind in ('r', 'p') and c.relpersistence = 'p' and c.relreplident <> 'f'
        and not exists (select from pg_index as x where x.indrelid = r.oid and x.indisprimary)
$$, 'every table can be replicated: it has a primary key, or is identified by the whole row');

select is_empty($$
    select f.signature from engine_function as f join pg_proc as p on p.oid = f.oid
    where f.public and f.prosecdef
        and p.prosrc !~ ('\nbegin\s+if gendurable\._is_open\(\s*''public\.' || f.name || '\(')
$$, 'every function that runs with the rights of its owner is closed while PUBLIC may call it');

-- The one door: see _enter_ready.
create temp view ready_maker as
select f.signature, f.name, regexp_replace(p.prosrc, '--[^\n]*', '', 'g') as source
from engine_function as f join pg_proc as p on p.oid = f.oid
where f.name <> '_move_runs'    -- what it moves is ready already, and stays so
    and regexp_replace(p.prosrc, '--[^\n]*', '',
        'g') ~* '(update gendurable\.instances|insert into gendurable\.instances).*(_runnable\(|phase = ''ready'')';
select is_empty($$ select m.signature from ready_maker as m
    where m.source !~ '_enter_ready\(\).*(update|insert into) gendurable\.instances.*(_runnable\(|phase = ''ready'')'
    $$,
    'whatever makes rows ready says so before it writes them');
select is_empty($$ select m.signature from ready_maker as m where m.source !~ '_lane\(' $$, 'gives them a lane');
-- See gendurable.key_trails. (What runs ahead stays executing.)
select is_empty($$
    select f.signature
    from engine_function as f join pg_proc as p on p.oid = f.oid
    where regexp_replace(p.prosrc, '--[^\n]*', '',
        'g') ~* '(update gendurable\.instances|insert into gendurable\.instances).*(_runnable\(|phase = '
        '''(ready|held|throttled)''|phase, eligible_at, lane)'
      and p.prosrc !~ '\mentered\M' and f.name not in ('_move_runs', '_apply_next')
$$, 'whatever makes rows ready, held or throttled notes the run');
-- its caller tells of them, when it knows which it takes itself
select is_empty($$ select m.signature from ready_maker as m where m.source !~ '_announce\(' and m.name <> '_keep_offers'
$$, 'and announces them afterwards');

-- Two families under one number would keep each other from what is not theirs.
select is((
    select string_agg(x.lock, ', ' order by x.lock)
    from (select format('%s %s', m[1], f.name) collate "C" as lock
          from engine_function as f join pg_proc as p on p.oid = f.oid
          cross join lateral regexp_matches(coalesce(nullif(p.prosrc, ''), pg_get_functiondef(p.oid)),
              '\m(264[67][0-9])\M', 'g') as m
          group by m[1], f.name) as x),
    '26468 _name_lock, 26469 _enter_queue, 26469 gd_pause, 26469 gd_set_queue_limit, 26470 _await_maintenance, 26470 '
    '_lock_maintenance, 26471 _move_limit_trail, 26471 _name_lock, '
    '26472 _move_trail, 26472 _raise_fence, 26473 _places_left, 26474 _move_waits, 26475 _move_limit_trail, '
    '26476 _change_partition, 26476 _depart, 26476 gd_here',
    'each family of advisory locks has a number of its own');

select * from finish();
rollback;
