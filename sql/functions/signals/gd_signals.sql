-- The inbox of a live instance by arrival, page by page: `most` signals beyond the id `after`. The
-- last page is the one that is empty.
--
-- This is how a step reads what a pick has listed as omitted; what arrives meanwhile is at the end.
-- Locks:  none. Writes: nothing. Plan: instances_pkey; signals_pkey, from `after` on.
-- Errors: GD001 id missing; GD002 a negative `most`.
create function public.gd_signals(id bigint, after bigint default 0, most int default 100)
returns table (signal_id bigint, name text, payload jsonb, sent_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
    v_inbox bigint;
begin
    if gendurable._is_open('public.gd_signals(bigint,bigint,int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_page('id', gd_signals.id, gd_signals.most);
    select gendurable._inbox_key(i.id, i.inbox) into v_inbox
    from gendurable.instances as i
    where i.id = gd_signals.id;
    return query
    select s.id, s.name, s.payload, s.sent_at
    from gendurable.signals as s
    where s.inbox = v_inbox and s.id > coalesce(gd_signals.after, 0)
    order by s.inbox, s.id
    limit coalesce(gd_signals.most, 100);
end
$$;
comment on function public.gd_signals(bigint, bigint, int)
    is 'The inbox of an instance by arrival, page by page.';
