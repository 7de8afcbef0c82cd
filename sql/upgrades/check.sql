-- Whether the schema that is installed can be upgraded to this one. It changes nothing, and waits
-- for another upgrade alone. For the rest of the transaction it leaves two settings:
-- gendurable.upgraded_from, the version that is installed, and gendurable.upgraded, what belongs to
-- it and is created anew (the identities of functions, views and statistics).
--
-- Locks:  the upgrade, against another one.
-- Errors: GD020 it cannot be upgraded: DETAIL says why, HINT what to do.
do $check$
declare
    -- tools/release writes both: the version that this is, and the public names that a release has
    -- had. Other gd_* names belong to the users.
    v_target constant text   := '0.1.0';
    v_public constant text[] := '{}';

    v_message constant text := 'gendurable: the schema cannot be upgraded';
    v_owner     name;
    v_installed text;
    v_functions oid[];
    v_views     oid[];
    v_others    text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using errcode = 'GD020', message = v_message,
            detail = 'transaction isolation is ' || current_setting('transaction_isolation'),
            hint = 'Upgrade in READ COMMITTED: it has to see what others have committed.';
    end if;
    -- Every call of the engine waits behind a lock that is waited for. So no wait is long.
    if current_setting('lock_timeout') = '0' then
        perform set_config('lock_timeout', '3s', true);
    end if;
    perform pg_advisory_xact_lock(7450482536300568930);

    select r.rolname into v_owner
    from pg_catalog.pg_namespace as n
    join pg_catalog.pg_roles as r on r.oid = n.nspowner
    where n.nspname = 'gendurable';
    if v_owner is null or to_regprocedure('public.gd_version()') is null then
        raise exception using errcode = 'GD020', message = v_message,
            detail = 'there is none in database ' || current_database(),
            hint = 'Install it: gendurable-py install';
    end if;
    if not pg_has_role(current_user, v_owner, 'member') then
        raise exception using errcode = 'GD020', message = v_message,
            detail = format('it belongs to %s, and this role is %s', v_owner, current_user),
            hint = format('Upgrade it as %s.', v_owner);
    end if;
    execute 'select public.gd_version()' into v_installed;
    if v_installed !~ '^\d+\.\d+\.\d+$' then
        raise exception using errcode = 'GD020', message = v_message,
            detail = format('its version is %L, which is none of a release', v_installed),
            hint = 'Install a released version into a new database.';
    end if;
    if string_to_array(v_installed, '.')::int[] > string_to_array(v_target, '.')::int[] then
        raise exception using errcode = 'GD020', message = v_message,
            detail = format('its version is %s, and this is the upgrade to %s', v_installed,
                            v_target),
            hint = 'Use a newer package: pip install --upgrade gendurable';
    end if;

    v_functions := array(
        select p.oid from pg_catalog.pg_proc as p
        where p.pronamespace = 'gendurable'::regnamespace
           or p.pronamespace = 'public'::regnamespace and p.proname::text = any (v_public));
    v_views := array(
        select c.oid from pg_catalog.pg_class as c
        where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace
          and c.relname::text = any (v_public));

    -- What users have built on them would go with them.
    select string_agg(distinct o.name, ', ') into v_others
    from (
        select case when w.ev_class is null
                    then pg_describe_object(d.classid, d.objid, d.objsubid)
                    else pg_describe_object('pg_class'::regclass, w.ev_class, 0) end as name
        from pg_catalog.pg_depend as d
        left join pg_catalog.pg_rewrite as w
            on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
        left join pg_catalog.pg_class as c on c.oid = w.ev_class
        where (d.refclassid = 'pg_proc'::regclass and d.refobjid = any (v_functions)
               or d.refclassid = 'pg_class'::regclass and d.refobjid = any (v_views))
          and d.deptype in ('n', 'a')
          and not (d.classid = 'pg_proc'::regclass and d.objid = any (v_functions))
          and d.classid <> 'pg_statistic_ext'::regclass
          and coalesce(w.ev_class <> all (v_views), true)
          and coalesce(c.relnamespace <> 'gendurable'::regnamespace, true)
    ) as o;
    if v_others is not null then
        raise exception using errcode = 'GD020', message = v_message,
            detail = 'these objects are built on functions and views that it creates anew: '
                     || v_others,
            hint = 'Drop them, upgrade, and create them again.';
    end if;

    perform set_config('gendurable.upgraded_from', v_installed, true),
            set_config('gendurable.upgraded',
                       json_build_object(
                           'functions', v_functions, 'views', v_views,
                           'statistics', array(
                               select s.oid from pg_catalog.pg_statistic_ext as s
                               where s.stxnamespace = 'gendurable'::regnamespace)
                       )::text, true);
end
$check$;
