-- Stores a signal in the inbox of a live instance and wakes it if it is parked on that name.
-- Joins the caller's transaction.
--
-- Locks:  the target instance (see gendurable._deliver).
-- Writes: dedup_keys, signals, instances.
-- Errors: GD001 target or name missing; GD002 a name or key that is too long.
create function public.gd_signal(
    target    bigint,
    name      text,
    payload   jsonb default '{}',
    dedup_key text  default null
) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_signal(bigint,text,jsonb,text)') then
        perform gendurable._refuse_open();
    end if;
    return gendurable._deliver(null, gd_signal.target, gd_signal.name, gd_signal.payload,
                               gd_signal.dedup_key);
end
$$;
comment on function public.gd_signal(bigint, text, jsonb, text)
    is 'Delivers a signal to an instance by its id.';

-- The same by correlation key: the target is the occupant of the key.
create function public.gd_signal(
    target    text,
    name      text,
    payload   jsonb default '{}',
    dedup_key text  default null
) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_signal(text,text,jsonb,text)') then
        perform gendurable._refuse_open();
    end if;
    return gendurable._deliver(gd_signal.target, null, gd_signal.name, gd_signal.payload,
                               gd_signal.dedup_key);
end
$$;
comment on function public.gd_signal(text, text, jsonb, text)
    is 'Delivers a signal to the instance that occupies a correlation key.';
