-- The children of an instance's latest round in the order of the batch, page by page: `most`
-- children beyond the place `after`. The last page is the one that is empty.
--
-- This is how a step reads what a pick has listed as omitted. Children that are not finished yet
-- are there with their live status.
-- Locks:  none. Writes: nothing.
-- Plan:   instances_pkey, else as gendurable._archived and _last_round; then as
--         gendurable._child_rows.
-- Errors: GD001 parent missing; GD002 a negative `most`.
create function public.gd_children(parent bigint, after int default 0, most int default 100)
returns table (ord int, id bigint, fsm text, status text, result jsonb, error jsonb, state jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_round      int;
    v_duplicates jsonb;
begin
    if gendurable._is_open('public.gd_children(bigint,int,int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_page('parent', gd_children.parent, gd_children.most);
    select i.round, i.duplicates into v_round, v_duplicates
    from gendurable.instances as i where i.id = gd_children.parent;
    if not found then
        v_duplicates := (select (a.instance).duplicates
                         from gendurable._archived(gd_children.parent) as a);
        v_round := greatest(gendurable._last_round(gd_children.parent),
                            (v_duplicates -> 0 -> 'round')::int);
    end if;
    return query
    select c.ord, c.id, c.fsm, c.status, c.result, c.error, c.state
    from gendurable._child_rows(gd_children.parent, v_round, v_duplicates,
                                coalesce(gd_children.after, 0),
                                coalesce(gd_children.most, 100)) as c;
end
$$;
comment on function public.gd_children(bigint, int, int)
    is 'The children of an instance in the order of their batch, page by page.';
