@region
def update(chunk, begin, end, args):
    """subtract -> multiply -> add -> multiply -> ... -> add -> divide -> subtract over (5, 2)."""
    x6 = f32_at(args[0] + begin * 4, end - begin)
    s4 = f32_at(args[1] + begin * 4, end - begin)
    x7 = f32_at(args[2] + begin * 4, end - begin)
    x2 = f32_at(args[3] + begin * 4, end - begin)
    x5 = f64_at(args[4], 1)
    v11 = x5[0]
    x4 = i64_at(args[5], 1)
    v12 = x4[0]
    v13 = v12 + i64(1)
    v14 = f64(v13)
    v15 = power(f64(0.9), v14)
    v16 = f64(1.0) - v15
    v17 = v11 / v16
    v18 = power(f64(0.999), v14)
    v19 = f64(1.0) - v18
    v20 = sqrt(v19)
    v21 = v17 * v20
    v22 = f32(v21)
    for i in range(end - begin):
        v0 = x6[i]
        v1 = s4[i]
        v2 = v1 - v0
        v3 = f32(0.10000000149011612) * v2
        v4 = v0 + v3
        v5 = x7[i]
        v6 = f32(0.9990000128746033) * v5
        v7 = v1 * v1
        v8 = f32(0.0010000000474974513) * v7
        v9 = v6 + v8
        v10 = x2[i]
        v23 = v22 * v4
        v24 = sqrt(v9)
        v25 = v24 + f32(1.0000000116860974e-07)
        v26 = v23 / v25
        v27 = v10 - v26
        x6[i] = v4
        x7[i] = v9
        x2[i] = v27
