-- An instance and what descends from it, live and finished: parents before their children, these by
-- id, `most` in all.
--
-- depth: 0 for the instance itself.
-- Locks:  none. Writes: nothing.
-- Plan:   as the view gd_instances by id; instances_parent, finished_parent in each partition,
--         kept_parent.
-- Errors: GD001 root missing; GD002 a negative `most`.
create function public.gd_tree(root bigint, most int default 1000)
returns table (id bigint, parent_id bigint, depth int, fsm text, step text, status text,
               queue text, correlation_key text, error jsonb, enqueued_at timestamptz,
               updated_at timestamptz, finished_at timestamptz)
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
    v_most int := coalesce(gd_tree.most, 1000);
begin
    if gendurable._is_open('public.gd_tree(bigint,int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_page('root', gd_tree.root, v_most);
    return query
    with recursive tree (id, depth) as (
        select gd_tree.root, 0
        union all
        select c.id, t.depth + 1
        from tree as t
        cross join lateral (
            select x.id
            from (select i.id from gendurable.instances as i where i.parent_id = t.id
                  union all
                  select f.id from gendurable.archive as f where f.parent_id = t.id
                  limit v_most) as x
        ) as c
    )
    select i.id, i.parent_id, t.depth, i.fsm, i.step, i.status, i.queue, i.correlation_key,
           i.error, i.enqueued_at, i.updated_at, i.finished_at
    from (select t.id, t.depth from tree as t limit v_most) as t
    join public.gd_instances as i on i.id = t.id
    order by t.depth, i.id;
end
$$;
comment on function public.gd_tree(bigint, int)
    is 'An instance and what descends from it, live and finished.';
