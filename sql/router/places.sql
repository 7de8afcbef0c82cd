-- Which partition a call is about, and whether it may be made.

\ir ../functions/partitions/_partition.sql

-- The partition, if calls may be made about it.
create function gendurable._place(p_partition int) returns int
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_moving boolean := (select p.moving from gendurable.places as p
                         where p.partition = p_partition);
begin
    if v_moving then
        raise exception using errcode = 'GD030',
            message = 'gendurable: a partition is on its way to another database',
            detail = format('partition %s', p_partition),
            hint = 'Try again in a moment.';
    elsif v_moving is null then
        raise exception using errcode = 'GD031',
            message = 'gendurable: a partition has no database',
            detail = coalesce('partition ' || p_partition, 'none may be used now'),
            hint = 'On the router name the database that has it: gd_place_partitions.';
    end if;
    return p_partition;
end
$$;
comment on function gendurable._place(int) is 'The partition, if calls may be made about it.';

create function gendurable._by_id(p_id bigint) returns int
language sql stable
return gendurable._place(coalesce(p_id & 63, 0)::int);
comment on function gendurable._by_id(bigint) is 'The partition of an instance.';

create function gendurable._by_key(p_key text) returns int
language sql stable
return gendurable._place(coalesce(gendurable._partition(p_key), 0));
comment on function gendurable._by_key(text) is 'The partition of a correlation key.';

create function gendurable._by_schedule(p_name text) returns int
language sql stable
return gendurable._place(coalesce(gendurable._partition('schedule:' || p_name), 0));
comment on function gendurable._by_schedule(text) is 'The partition of a schedule.';

-- Where a new instance goes: where the caller says, else by its correlation key, else by its
-- concurrency key, else by its rate key, else anywhere that no partition is moving.
create function gendurable._for_new(p_placement text, p_correlation_key text,
                                    p_concurrency_key text, p_rate_limit text) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key text := coalesce(p_placement, p_correlation_key, p_concurrency_key, p_rate_limit);
begin
    if v_key is null then
        return gendurable._place((
            select p.partition from gendurable.places as p
            where not p.moving
            offset floor(random() * (select count(*) from gendurable.places as n
                                     where not n.moving))
            limit 1));
    end if;
    return gendurable._by_key(v_key);
end
$$;
comment on function gendurable._for_new(text, text, text, text) is
    'The partition of a new instance.';

create function public.gd_place_partitions(first int, last int, dsn text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_partition int;
begin
    -- A loop, because options of a server take constants.
    for v_partition in first .. last loop
        execute format('alter server gendurable options (set p%s %L)', v_partition,
                       gd_place_partitions.dsn);
        insert into gendurable.places (partition, dsn)
        values (v_partition, gd_place_partitions.dsn)
        on conflict (partition) do update set dsn = excluded.dsn, moving = false;
    end loop;
end
$$;
comment on function public.gd_place_partitions(int, int, text) is
    'Says which database holds virtual partitions.';

create function public.gd_stop_partitions(first int, last int) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    update gendurable.places as p set moving = true where p.partition between first and last;
$$;
comment on function public.gd_stop_partitions(int, int) is
    'Refuses calls about virtual partitions until they are placed again.';

create function public.gd_version() returns text
language plproxy volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    cluster 'gendurable';
    run on any;
$$;
comment on function public.gd_version() is 'The version of the installed schema, of any database.';
