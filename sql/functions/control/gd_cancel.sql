-- Cancels an instance, with `cascade` its live subtree as well: at once, executing or not. It is
-- failed with {"kind": "cancelled", "reason": ...}; its worker hears of it with the next heartbeat,
-- and what it still commits is stale.
--
-- Locks:  the instances and the parent that counts the root, waiting for them
--         (gendurable._lock_descendants).
-- Writes: as gendurable._cancel.
-- Errors: GD001 target missing.
create function public.gd_cancel(target bigint, reason text default null,
                                 cascade boolean default false)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_cancel(bigint,text,boolean)') then
        perform gendurable._refuse_open();
    end if;
    if gd_cancel.target is null then
        perform gendurable._refuse('GD001', 'target is required',
                                   'Name the instance by its id or its correlation key.');
    end if;

    return gendurable._cancel(
        gendurable._lock_descendants(gd_cancel.target, gd_cancel.cascade), gd_cancel.reason);
end
$$;
comment on function public.gd_cancel(bigint, text, boolean) is
    'Cancels an instance by its id, or its subtree; answers how many.';

-- The same by correlation key: the occupant, else the newest that carried the key.
create function public.gd_cancel(target text, reason text default null,
                                 cascade boolean default false)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id bigint;
begin
    if gendurable._is_open('public.gd_cancel(text,text,boolean)') then
        perform gendurable._refuse_open();
    end if;
    if gd_cancel.target is null then
        perform gendurable._refuse('GD001', 'target is required',
                                   'Name the instance by its id or its correlation key.');
    end if;
    v_id := gendurable._resolve_key(gd_cancel.target);
    return case when v_id is null then 0
                else public.gd_cancel(v_id, gd_cancel.reason, gd_cancel.cascade) end;
end
$$;
comment on function public.gd_cancel(text, text, boolean) is
    'Cancels an instance by its correlation key, or its subtree; answers how many.';
