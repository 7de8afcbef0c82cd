-- Verify gendurable:grants on pg
begin;
do $$
begin
    assert not exists (
        select from pg_catalog.pg_proc as p
        where (p.pronamespace = 'gendurable'::regnamespace or p.pronamespace = 'public'::regnamespace
            and p.proname like 'gd\_%')
          and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
              where a.grantee = 0)),
        'a function is granted to PUBLIC';
    -- The engine does its round: an instance is created, claimed, committed and found finished.
    declare
        v_id     bigint := (select e.id from public.gd_enqueue('verify', queue => 'gendurable.verify') as e);
        v_worker bigint := public.gd_register('verify', '{gendurable.verify}');
    begin
        perform public.gd_commit(v_worker,
            jsonb_build_array(jsonb_build_object('id', p.id, 'fence', p.fence, 'kind', 'done')))
        from public.gd_pick(v_worker, 'gendurable.verify', 1) as p;
        assert (select s.status from public.gd_status(v_id) as s) = 'done', 'an instance did not finish';
        assert public.gd_version() is not null;
    end;
end
$$;
rollback;
